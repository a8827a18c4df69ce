using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workflows.Cli;

/// <summary>Changes single fields of a request from the command line: <c>--set training.steps=20</c>.</summary>
internal static class RequestChange
{
    /// <summary>Fields with paths, which are relative to the current folder on the command line.</summary>
    private static readonly Dictionary<string, bool> Paths = new(StringComparer.OrdinalIgnoreCase)
    {
        ["model"] = false,
        ["data.train"] = true,
        ["data.test"] = true,
        ["data.validation"] = true,
        ["rehearsal.scenario"] = false,
    };

    /// <summary>Applies changes in their order.</summary>
    /// <param name="request">The request, changed in place.</param>
    /// <param name="changes">Each <c>field.of.field=value</c>; a value that is not JSON is a string.</param>
    /// <exception cref="CommandException">A change has no field, or its path leads through a value that is no
    /// object.</exception>
    public static void Apply(JsonObject request, IReadOnlyList<string> changes)
    {
        foreach (var change in changes)
        {
            var sign = change.IndexOf('=', StringComparison.Ordinal);
            string[] path = sign > 0 ? change[..sign].Trim().Split('.') : [];
            if (path.Length == 0 || path.Any(string.IsNullOrWhiteSpace))
            {
                throw Invalid($"--set: '{change}' is no change; write FIELD=VALUE, such as --set training.steps=20.");
            }

            var parent = request;
            foreach (var name in path[..^1])
            {
                if (parent[name] is null)
                {
                    parent[name] = new JsonObject(RequestFile.AnyCase);
                }

                parent = parent[name] as JsonObject
                    ?? throw Invalid($"--set: '{name}' in '{change}' is no object in the request.");
            }

            parent[path[^1]] = ValueOf(string.Join('.', path), change[(sign + 1)..].Trim());
        }
    }

    private static JsonNode? ValueOf(string field, string text)
    {
        if (Paths.TryGetValue(field, out var isList) && text.Length > 0)
        {
            return RequestFile.Absolute(text, Environment.CurrentDirectory, isList);
        }

        try
        {
            return JsonNode.Parse(text, RequestFile.AnyCase);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    private static CommandException Invalid(string message) => new(message, ExitCodes.Invalid);
}
