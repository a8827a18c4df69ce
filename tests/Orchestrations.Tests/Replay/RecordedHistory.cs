using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>
/// One execution (a generation) of an orchestrator: the work item of its last episode, which has the whole history, and
/// the worker's answer. In a file both are protobuf JSON, with one addition: a text that is itself a JSON object or
/// array is stored once below <c>payloads</c>, and its places say <c>#</c> and its number.
/// </summary>
/// <param name="Orchestrator">Name of the orchestrator.</param>
/// <param name="Scenario">Name of the scenario.</param>
/// <param name="Request">The work item of the last episode.</param>
/// <param name="Response">Its answer.</param>
internal sealed record RecordedHistory(
    string Orchestrator, string Scenario, OrchestratorRequest Request, OrchestratorResponse Response)
{
    private const char Mark = '#';

    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The files that the tests replay.</summary>
    public static IReadOnlyList<string> Files => [.. Directory
        .EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Histories"), "*.json")
        .Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    /// <summary>The version that the instance was started with; empty: none.</summary>
    public string Version => Events.First(item => item.ExecutionStarted is not null).ExecutionStarted.Version ?? "";

    /// <summary>The whole history, the messages of the last episode included.</summary>
    public IEnumerable<HistoryEvent> Events => Request.PastEvents.Concat(Request.NewEvents);

    public static RecordedHistory Read(string file) =>
        Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Histories", file)));

    public static RecordedHistory Parse(string text)
    {
        var root = JsonNode.Parse(text)!.AsObject();
        var payloads = root["payloads"]!.AsArray();
        string Restore(string value) => value is [Mark, .. var number]
            ? payloads[int.Parse(number)]!.ToJsonString(Compact)
            : value;
        return new RecordedHistory(
            root["orchestrator"]!.GetValue<string>(),
            root["scenario"]!.GetValue<string>(),
            JsonParser.Default.Parse<OrchestratorRequest>(Replace(root["request"]!, Restore)!.ToJsonString(Compact)),
            JsonParser.Default.Parse<OrchestratorResponse>(Replace(root["response"]!, Restore)!.ToJsonString(Compact)));
    }

    public string Write()
    {
        var payloads = new List<string>();
        string Store(string value)
        {
            if (!IsPayload(value))
            {
                return value is [Mark, ..]
                    ? throw new FormatException($"The text '{value}' looks like the number of a payload.")
                    : value;
            }

            var number = payloads.IndexOf(value);
            if (number < 0)
            {
                number = payloads.Count;
                payloads.Add(value);
            }

            return $"{Mark}{number}";
        }

        var root = new JsonObject
        {
            ["orchestrator"] = Orchestrator,
            ["scenario"] = Scenario,
            ["request"] = Replace(JsonNode.Parse(JsonFormatter.Default.Format(Request))!, Store),
            ["response"] = Replace(JsonNode.Parse(JsonFormatter.Default.Format(Response))!, Store),
        };
        root["payloads"] = new JsonArray([.. payloads.Select(text => JsonNode.Parse(text))]);
        return root.ToJsonString(Readable) + "\n";
    }

    private static JsonSerializerOptions Compact { get; } = new(Readable) { WriteIndented = false };

    private static JsonNode? Replace(JsonNode? node, Func<string, string> by) => node switch
    {
        JsonObject item => new JsonObject(item.Select(
            pair => KeyValuePair.Create(pair.Key, Replace(pair.Value, by)))),
        JsonArray items => new JsonArray([.. items.Select(item => Replace(item, by))]),
        JsonValue value when value.TryGetValue(out string? text) => JsonValue.Create(by(text)),
        _ => node?.DeepClone(),
    };

    private static bool IsPayload(string text)
    {
        if (text is not ['{' or '[', ..])
        {
            return false;
        }

        try
        {
            using var _ = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            // A message for people that begins with a bracket.
            return false;
        }
    }
}
