using System.Collections;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>
/// Requests with any values in any of the fields that there are: each becomes a run, or is refused with the field, the
/// fault and the fix.
/// </summary>
public sealed class RequestPropertyTests : IDisposable
{
    private static readonly PriceCatalog Catalog = PriceCatalog.Load(null);

    private static readonly string[] Words =
    [
        "ko-en", "en-ko", "both", "full", "lora", "spot", "on-demand", "us-west4-a", "us-west4", "v5litepod-8", "chat",
        "gs://bucket/folder", "gs://", "hf://google/gemma-3-270m-it", "/", "relative/path", "file:///etc/passwd", "7",
        "", " ", "\0", "\ud800", "\u001b[31m", "null", "2026-11-29T00:00:00Z", "projects/p",
    ];

    private readonly TemporaryFolder _folder = new("requests-");
    private int _refused, _accepted;

    public RequestPropertyTests()
    {
        foreach (var name in new[] { "config.json", "tokenizer.json", "pairs.tsv" })
        {
            _folder.Write(name, "");
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Complete_AnyValues_GivesARunOrNamesTheFields()
    {
        Seeds.Try(1500, random =>
        {
            var request = Right();
            for (var left = random.Next(1, 4); left > 0; left--)
            {
                Change(random, request, typeof(RunRequest));
            }

            Check(request.ToJsonString());
        });

        // Neither all nor none: otherwise the values would say nothing about one half.
        Assert.True(_refused > 100 && _accepted > 100, $"{_refused} refused, {_accepted} accepted");
    }

    [Fact]
    public void Parse_DamagedText_GivesARunOrNamesAField() => Seeds.Try(400, random =>
    {
        var bytes = AnyText.Damage(random, System.Text.Encoding.UTF8.GetBytes(Right().ToJsonString()));
        Check(System.Text.Encoding.UTF8.GetString(bytes));
    });

    private void Check(string json)
    {
        try
        {
            var spec = RunRequestReader.Complete(RunRequestReader.Parse(json), new RunId("made"), Catalog);

            // A run is stored and read again after every restart.
            var stored = JsonSerializer.Serialize(spec, RunLedger.Json);
            Assert.Equal(stored, JsonSerializer.Serialize(
                JsonSerializer.Deserialize<RunSpec>(stored, RunLedger.Json), RunLedger.Json));
            _accepted++;
        }
        catch (RunRequestException refusal)
        {
            Assert.NotEmpty(refusal.Errors);
            Assert.All(refusal.Errors, error =>
            {
                Assert.False(string.IsNullOrWhiteSpace(error.Field), json);
                Assert.False(string.IsNullOrWhiteSpace(error.Message), json);
                Assert.False(string.IsNullOrWhiteSpace(error.Fix), json);
                Assert.True(error.Message.Length < 1100, $"{error.Field}: {error.Message.Length} letters");
                Assert.DoesNotContain(error.Message, char.IsControl);
            });
            _refused++;
        }
    }

    /// <summary>A request that is right.</summary>
    private JsonObject Right() => new()
    {
        ["model"] = _folder.Path,
        ["data"] = new JsonObject { ["train"] = _folder["pairs.tsv"] },
        ["tpu"] = new JsonObject { ["acceleratorTypes"] = new JsonArray("v5litepod-8") },
        ["rehearsal"] = new JsonObject(),
    };

    /// <summary>Sets one field, at any depth, to any value.</summary>
    private static void Change(Random random, JsonObject target, Type type)
    {
        var properties = type.GetProperties();
        var property = properties[random.Next(properties.Length)];
        var name = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
        var its = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        if (its is { IsClass: true, Namespace: { } space } && space.StartsWith("Workflows", StringComparison.Ordinal)
            && random.Next(10) != 0)
        {
            if (target[name] is not JsonObject inner)
            {
                target[name] = inner = [];
            }

            Change(random, inner, its);
            return;
        }

        target[random.Next(60) == 0 ? name + "x" : name] = random.Next(4) == 0 ? Any(random, 0) : Fitting(random, its);
    }

    private static JsonNode? Fitting(Random random, Type type) => type switch
    {
        _ when type == typeof(string) => Word(random),
        _ when type == typeof(bool) => random.Next(2) == 0,
        _ when type.IsPrimitive => Number(random),
        _ when typeof(IDictionary).IsAssignableFrom(type) => new JsonObject { [Word(random)] = Word(random) },
        _ when typeof(IEnumerable).IsAssignableFrom(type) => new JsonArray(
            [.. Enumerable.Range(0, random.Next(4)).Select(_ => (JsonNode?)Word(random))]),
        _ => Word(random),
    };

    private static JsonNode? Any(Random random, int depth) => random.Next(depth < 3 ? 8 : 5) switch
    {
        0 => null,
        1 => random.Next(2) == 0,
        2 => Number(random),
        3 => Word(random),
        4 => new string('가', 5000),
        5 => new JsonArray(),
        6 => new JsonArray(Any(random, depth + 1), Any(random, depth + 1)),
        _ => new JsonObject { [Word(random)] = Any(random, depth + 1) },
    };

    private static JsonNode Number(Random random) => random.Next(10) switch
    {
        0 => 0,
        1 => -1,
        2 => 1e300,
        3 => -1e-300,
        4 => int.MaxValue,
        5 => long.MaxValue,
        6 => 0.5,
        _ => random.Next(1, 2000),
    };

    private static string Word(Random random) =>
        random.Next(5) == 0 ? AnyText.Line(random) : Words[random.Next(Words.Length)];
}
