using System.Collections;
using System.Reflection;
using System.Text.Json;

namespace Workflows.Service.Runs;

/// <summary>Formats errors of JSON that is not a request, with the request's field names, never with class
/// names.</summary>
internal static class JsonFault
{
    private const int MostPath = 200;

    public static FieldError Of(JsonException exception)
    {
        var path = exception.Path is null or "$" ? "$"
            : SafeText.Of(exception.Path.Replace("$.", "", StringComparison.Ordinal), MostPath);
        var message = SafeText.Of(exception.Message.Split(" Path:", 2)[0]);
        var line = $"Line {exception.LineNumber + 1}";
        if (message.Contains("could not be mapped", StringComparison.Ordinal))
        {
            return new(path, "There is no such field.",
                "See docs/requests.md for the fields; names are case-insensitive.");
        }

        if (message.StartsWith("Duplicate property", StringComparison.Ordinal))
        {
            var name = message.Split('\'') is [_, var quoted, ..] ? SafeText.Of(quoted, MostPath) : "";
            var field = path == "$" ? name
                : path.EndsWith(name, StringComparison.OrdinalIgnoreCase) ? path : $"{path}.{name}";
            return new(field, "It is given more than once.", "Leave one of them; names are case-insensitive.");
        }

        if (exception.InnerException is InvalidOperationException
            && exception.InnerException.Message.Contains("UTF-16", StringComparison.Ordinal))
        {
            return new(path, $"{line}: it has half of a surrogate pair, such as \\ud83d alone.",
                "Write the character itself, or both halves.");
        }

        if (!message.Contains("could not be converted", StringComparison.Ordinal))
        {
            return new(path, $"{line}: {message}", "Correct the JSON.");
        }

        var (kind, example) = Wanted(path);
        var leaf = path.Split('.')[^1].Split('[')[0];
        return new(path, $"{line}: it must be {kind}.",
            path == "$" ? $"Send {example}." : $"Write \"{leaf}\": {example}");
    }

    /// <summary>Returns the kind of value that a field takes, and an example.</summary>
    private static (string Kind, string Example) Wanted(string path)
    {
        var type = typeof(RunRequest);
        var isItem = false;
        foreach (var step in path == "$" ? [] : path.Split('.'))
        {
            var property = type.GetProperty(
                step.Split('[')[0], BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase);
            type = property is null ? typeof(object)
                : Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            isItem = step.Contains('[', StringComparison.Ordinal);
            if (isItem && type == typeof(IReadOnlyList<VariantRequest>))
            {
                type = typeof(VariantRequest);
            }
        }

        return type == typeof(string) ? ("a text in quotation marks", "\"text\"")
            : type == typeof(int) ? ("a whole number of at most nine digits", "100")
            : type == typeof(double) ? ("a number", "0.5")
            : type == typeof(bool) ? ("true or false", "true")
            : type == typeof(IReadOnlyList<VariantRequest>)
                ? ("a list of objects", "[{\"name\": \"slow\", \"training\": {\"learningRate\": 0.0002}}]")
            : type == typeof(VariantRequest)
                ? ("an object", "{\"name\": \"slow\", \"training\": {\"learningRate\": 0.0002}}")
            : typeof(IEnumerable).IsAssignableFrom(type)
                ? (isItem ? "a list of texts in quotation marks" : "a list", "[\"first\", \"second\"]")
            : type == typeof(RunRequest) ? ("an object", "{\"model\": \"/models/gemma-3-270m\", ...}")
            : type == typeof(DataRequest) ? ("an object", "{\"train\": \"pairs.tsv\"}")
            : type == typeof(TpuRequest) ? ("an object", "{\"acceleratorTypes\": [\"v5litepod-8\"]}")
            : ("an object", "{}");
    }
}
