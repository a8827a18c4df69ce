using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Translation;
using Workflows.Translation.Corpora;

namespace Workflows.Cli;

/// <summary>Reads a request file and makes its paths, which are relative to the file, absolute.</summary>
internal static class RequestFile
{
    /// <summary>The most bytes of a request, as the service takes.</summary>
    private const int MostBytes = 8 << 20;

    private static readonly JsonDocumentOptions Lenient = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    // Names are matched as the service matches them.
    internal static readonly JsonNodeOptions AnyCase = new() { PropertyNameCaseInsensitive = true };

    /// <param name="path">The request file.</param>
    /// <param name="dataTrain">Replaces the whole corpus; null to keep the file's.</param>
    /// <param name="dataTest">Replaces the test file; null to keep the file's.</param>
    /// <param name="changes">Values of single fields, such as <c>training.steps=20</c>.</param>
    /// <returns>The request's JSON.</returns>
    /// <exception cref="CommandException">The file or a change cannot be used.</exception>
    public static string Read(
        string path, string? dataTrain, string? dataTest, IReadOnlyList<string>? changes = null)
    {
        var request = Parse(path);
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Resolve(request, "model", "model", folder, isList: false);
        Resolve(request["data"], "train", "data.train", folder, isList: true);
        Resolve(request["data"], "test", "data.test", folder, isList: true);
        Resolve(request["data"], "validation", "data.validation", folder, isList: true);
        foreach (var (at, variant) in (request["variants"] as JsonArray ?? []).Index())
        {
            Resolve(variant, "model", $"variants[{at}].model", folder, isList: false);
        }

        Resolve(request["rehearsal"], "scenario", "rehearsal.scenario", folder, isList: false);
        if (dataTrain is not null || dataTest is not null)
        {
            Replace(request, dataTrain, dataTest);
        }

        RequestChange.Apply(request, changes ?? []);
        return request.ToJsonString();
    }

    /// <summary>
    /// Adds a run id if the request has none, so that a request sent again after a lost answer is the same run.
    /// </summary>
    /// <param name="json">The request's JSON.</param>
    /// <returns>The JSON with an id.</returns>
    public static string WithId(string json)
    {
        var request = JsonNode.Parse(json, AnyCase)!.AsObject();
        request["id"] ??= $"run-{Guid.NewGuid().ToString("N")[..10]}";
        return request.ToJsonString();
    }

    private static JsonObject Parse(string path)
    {
        var isOfShell = FileKind.IsOfShell(path);
        if (!isOfShell && !File.Exists(path))
        {
            throw Invalid(Directory.Exists(path)
                ? $"The request file '{path}' is a folder." : $"There is no request file '{path}'.");
        }

        if (!isOfShell && !FileKind.IsRegular(path))
        {
            throw Invalid(
                $"The request file '{path}' is not a regular file; give the file in place of a pipe or device.");
        }

        try
        {
            var text = ReadText(path);
            using (var document = JsonDocument.Parse(text, Lenient))
            {
                Check(document.RootElement, "", path);
            }

            return JsonNode.Parse(text, AnyCase, Lenient) as JsonObject
                ?? throw Invalid($"'{path}' does not hold a JSON object.");
        }
        catch (JsonException exception)
        {
            throw Invalid($"'{path}' is not JSON: {exception.Message}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Invalid($"The request file '{path}' cannot be read: {exception.Message}");
        }
    }

    /// <summary>Reads no more than the service takes, since a pipe has no length.</summary>
    private static string ReadText(string path)
    {
        using var stream = File.OpenRead(path);
        using var bytes = new MemoryStream();
        var buffer = new byte[81920];
        while (stream.Read(buffer) is > 0 and var count)
        {
            bytes.Write(buffer, 0, count);
            if (bytes.Length > MostBytes)
            {
                throw Invalid(
                    $"The request file '{path}' has more than {MostBytes} bytes; a request has a few "
                    + "hundred.");
            }
        }

        bytes.Position = 0;
        using var reader = new StreamReader(bytes);
        return reader.ReadToEnd();
    }

    /// <summary>Rejects duplicate names, and strings with half of a surrogate pair.</summary>
    private static void Check(JsonElement element, string field, string path)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            foreach (var property in element.EnumerateObject())
            {
                var name = Text(() => property.Name, field.Length == 0 ? "a name" : $"a name in {field}", path);
                var inner = field.Length == 0 ? name : $"{field}.{name}";
                if (!names.Add(name))
                {
                    throw Invalid($"'{path}' gives {inner} more than once: leave one of them. "
                        + "Names are case-insensitive.");
                }

                Check(property.Value, inner, path);
            }
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
            {
                Check(item, field, path);
            }
        }
        else if (element.ValueKind == JsonValueKind.String)
        {
            Text(() => element.GetString()!, field, path);
        }
    }

    private static string Text(Func<string> read, string what, string path)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException)
        {
            throw Invalid($"'{path}': {what} has half of a surrogate pair, such as \\ud83d alone: write the character "
                + "itself, or both halves.");
        }
    }

    private static void Replace(JsonObject request, string? dataTrain, string? dataTest)
    {
        // Assigned if it is missing or no object, which the service could not use either.
        var data = request["data"] as JsonObject;
        if (data is null)
        {
            request["data"] = data = new JsonObject(AnyCase);
        }

        if (dataTrain is not null)
        {
            // The request's other files belong to the replaced corpus; test and validation pairs are held out of the
            // new one.
            data["train"] = Given("--data-train", dataTrain);
            data.Remove("test");
            data.Remove("validation");
        }

        if (dataTest is not null)
        {
            data["test"] = Given("--data-test", dataTest);
        }
    }

    private static string Given(string option, string text) => string.IsNullOrWhiteSpace(text)
        ? throw Invalid($"{option} names no file: give a path, such as {option} pairs.tsv")
        : Absolute(text, Environment.CurrentDirectory, isList: true);

    private static void Resolve(JsonNode? parent, string name, string field, string folder, bool isList)
    {
        // Values of another kind are left to the service, which names the field in its error.
        if (parent is JsonObject section && section[name] is JsonValue value && value.TryGetValue<string>(out var text)
            && !string.IsNullOrWhiteSpace(text))
        {
            section[name] = text.Contains('\0', StringComparison.Ordinal)
                ? throw Invalid($"{field} has a character of code 0, which no path can have: leave the \\u0000 out.")
                : Absolute(text, folder, isList);
        }
    }

    /// <summary>Makes paths absolute. An empty path between two commas stays empty, so that the service reports
    /// it.</summary>
    internal static string Absolute(string text, string folder, bool isList) =>
        string.Join(",", (isList ? CorpusFiles.Names(text, folder) : [text]).Select(part => part.Trim()).Select(part =>
            part.Length == 0 || part.Contains("://", StringComparison.Ordinal)
                ? part : Path.GetFullPath(part, folder)));

    private static CommandException Invalid(string message) => new(message, ExitCodes.Invalid);
}
