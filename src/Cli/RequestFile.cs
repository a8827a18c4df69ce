using System.Text.Json;
using System.Text.Json.Nodes;

namespace Workflows.Cli;

/// <summary>A request file with its paths made absolute: they are meant relative to the file.</summary>
internal static class RequestFile
{
    private static readonly JsonDocumentOptions Lenient = new()
    {
        CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true,
    };

    public static string Read(string path, string? dataTrain, string? dataTest)
    {
        if (!File.Exists(path))
        {
            throw new CommandException($"There is no request file '{path}'.", ExitCodes.Invalid);
        }

        JsonObject request;
        try
        {
            request = JsonNode.Parse(File.ReadAllText(path), documentOptions: Lenient) as JsonObject
                ?? throw new CommandException($"'{path}' does not hold a JSON object.", ExitCodes.Invalid);
        }
        catch (JsonException exception)
        {
            throw new CommandException($"'{path}' is not JSON: {exception.Message}", ExitCodes.Invalid);
        }

        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Resolve(request, "model", folder);
        Resolve(request["data"], "train", folder);
        Resolve(request["data"], "test", folder);
        Resolve(request["rehearsal"], "scenario", folder);
        if (dataTrain is not null)
        {
            // Another training file makes the request's own test set meaningless, unless one is given as well.
            var data = request["data"] as JsonObject ?? [];
            data["train"] = Absolute(dataTrain, Environment.CurrentDirectory);
            data.Remove("test");
            request["data"] = data;
        }

        if (dataTest is not null && request["data"] is JsonObject withTest)
        {
            withTest["test"] = Absolute(dataTest, Environment.CurrentDirectory);
        }

        return request.ToJsonString();
    }

    private static void Resolve(JsonNode? parent, string name, string folder)
    {
        // Values of another kind are left for the service, which names the field.
        if (parent is JsonObject section && section[name] is JsonValue value && value.TryGetValue<string>(out var text)
            && text.Length > 0)
        {
            section[name] = Absolute(text, folder);
        }
    }

    private static string Absolute(string text, string folder) => string.Join(",", text.Split(',').Select(part =>
        part.Contains("://", StringComparison.Ordinal) ? part.Trim() : Path.GetFullPath(part.Trim(), folder)));
}
