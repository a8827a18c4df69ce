using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Workflows.Orchestrations;

/// <summary>
/// A node's full resource name, <c>projects/P/locations/Z/nodes/N</c>. The default value, <see cref="None"/>, stands
/// for a node that was never requested. In JSON it is a string, empty for none.
/// </summary>
[JsonConverter(typeof(TextConverter<NodeName>))]
public readonly partial record struct NodeName : IParsable<NodeName>
{
    private readonly string? _value;

    /// <summary>Creates a name.</summary>
    /// <param name="value">The full resource name.</param>
    /// <exception cref="FormatException">It is not the name of a node.</exception>
    public NodeName(string value) => _value = Pattern().IsMatch(value)
        ? value
        : throw new FormatException($"'{value}' is not a node: use projects/PROJECT/locations/ZONE/nodes/NODE.");

    /// <summary>The name of no node.</summary>
    public static NodeName None => default;

    /// <summary>The last part: the node's name within its zone; empty for none.</summary>
    public string NodeId => ToString()[(ToString().LastIndexOf('/') + 1)..];

    /// <summary>The node's zone; empty for none.</summary>
    public string Zone => ToString().Split('/') is [_, _, _, var zone, ..] ? zone : "";

    /// <summary>Creates a name from its parts.</summary>
    /// <param name="project">The project.</param>
    /// <param name="zone">The zone.</param>
    /// <param name="nodeId">The node's name within the zone.</param>
    /// <returns>The name.</returns>
    /// <exception cref="FormatException">A part is empty or has a slash.</exception>
    public static NodeName Of(string project, string zone, string nodeId) =>
        new($"projects/{project}/locations/{zone}/nodes/{nodeId}");

    /// <summary>Creates the name of the node of an attempt.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="place">The place.</param>
    /// <param name="attempt">Number of the attempt, from 1.</param>
    /// <returns>The name.</returns>
    public static NodeName OfAttempt(RunSpec spec, Candidate place, int attempt) =>
        Of(spec.Project, place.Zone, string.Create(CultureInfo.InvariantCulture, $"wf-{spec.RunId}-{attempt}"));

    /// <summary>Parses a name.</summary>
    /// <param name="s">The text; empty for none.</param>
    /// <param name="provider">Not used.</param>
    /// <returns>The name.</returns>
    /// <exception cref="FormatException">It is not the name of a node.</exception>
    public static NodeName Parse(string s, IFormatProvider? provider) =>
        string.IsNullOrEmpty(s) ? None : new NodeName(s);

    /// <summary>Parses a name; an empty text is valid and gives none.</summary>
    /// <param name="s">The text.</param>
    /// <param name="provider">Not used.</param>
    /// <param name="result">The name.</param>
    /// <returns>false if it is not the name of a node.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out NodeName result) =>
        TryParse(s, out result);

    /// <summary>Parses a name; an empty text is valid and gives none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="name">The name.</param>
    /// <returns>false if it is not the name of a node.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out NodeName name)
    {
        var isName = !string.IsNullOrEmpty(text) && Pattern().IsMatch(text);
        name = isName ? new NodeName(text!) : None;
        return isName || text == "";
    }

    /// <summary>Returns the full resource name.</summary>
    /// <returns>The name; empty for none.</returns>
    public override string ToString() => _value ?? "";

    [GeneratedRegex(@"^projects/[^/\s]+/locations/[^/\s]+/nodes/[^/\s]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
