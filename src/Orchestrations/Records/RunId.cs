using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Workflows.Orchestrations;

/// <summary>
/// A run's id: 1 to 40 lower-case letters, digits and dashes, beginning with a letter. It is also the instance id of
/// the run's orchestration, the name of its folder, and the value of its nodes' label. In JSON it is a string.
/// </summary>
[JsonConverter(typeof(TextConverter<RunId>))]
public readonly partial record struct RunId : IParsable<RunId>
{
    private const string Rule = "up to 40 lower-case letters, digits and dashes, beginning with a letter";

    private readonly string? _value;

    /// <summary>Creates an id.</summary>
    /// <param name="value">The id.</param>
    /// <exception cref="FormatException">The text does not have that form.</exception>
    public RunId(string value) => _value = Pattern().IsMatch(value)
        ? value
        : throw new FormatException($"'{value}' is not a run id: use {Rule}.");

    /// <summary>The id as text.</summary>
    /// <exception cref="InvalidOperationException">The id is the default value.</exception>
    public string Value => _value ?? throw new InvalidOperationException("A run id was expected, and none was given.");

    /// <summary>Parses an id.</summary>
    /// <param name="s">The text.</param>
    /// <param name="provider">Not used.</param>
    /// <returns>The id.</returns>
    /// <exception cref="FormatException">The text does not have that form.</exception>
    public static RunId Parse(string s, IFormatProvider? provider) => new(s);

    /// <summary>Parses an id.</summary>
    /// <param name="s">The text.</param>
    /// <param name="provider">Not used.</param>
    /// <param name="result">The id.</param>
    /// <returns>false if the text does not have that form.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out RunId result) =>
        TryParse(s, out result);

    /// <summary>Parses an id.</summary>
    /// <param name="text">The text.</param>
    /// <param name="id">The id.</param>
    /// <returns>false if the text does not have that form.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out RunId id)
    {
        var isRight = text is not null && Pattern().IsMatch(text);
        id = isRight ? new RunId(text!) : default;
        return isRight;
    }

    /// <summary>Returns the id as text.</summary>
    /// <returns>The id; empty for the default value.</returns>
    public override string ToString() => _value ?? "";

    // "$" would also match before a line break at the end.
    [GeneratedRegex(@"^[a-z][a-z0-9-]{0,39}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
