using System.Text;
using System.Text.Json.Nodes;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>
/// Every field of a scenario with every kind of rubbish: the field is named, and nothing else comes out.
/// </summary>
public sealed class ScenarioRubbishTests
{
    private const string Whole = """
        {"projectNumber": "123", "apiDisabled": false, "deniedPermissions": ["tpu.nodes.create"], "createSeconds": 1,
         "operationLagSeconds": 0, "deleteSeconds": 1, "queueSeconds": 1, "switchSeconds": 1,
         "regions": {"us-west4": {"quota": {"TPUV6EPerProjectPerRegionForTPUAPI": 4}}},
         "storage": [{"on": "upload", "name": "x", "skip": 0, "times": 1, "status": 503, "delaySeconds": 1},
                     {"cutAfterBytes": 5}],
         "zones": {"us-west4-a": {"refuse": "ZONE_NOT_SUPPORTED", "quota": {"TPUV6EPerProjectPerZoneForTPUAPI": 4},
           "acceleratorTypes": ["v6e-8"], "emptyAcceleratorTypeLists": 0, "capacity": 8, "unavailableCreates": 0,
           "rateLimitedCreates": 0, "createSeconds": 1, "operationLagSeconds": 0, "deleteSeconds": 1,
           "queueSeconds": 1, "reserved": 4,
           "maintenance": {"nodes": 1, "afterSeconds": 1, "noticeSeconds": 1, "forSeconds": 1},
           "preempt": {"nodes": 1, "noticeSeconds": 1, "whileCreating": false, "afterSeconds": 3,
             "guestAttribute": "workflows/step", "atLeast": 5}}}}
        """;

    private static readonly string[] Rubbish =
    [
        "-1", "1e300", "1e999", "99999999999", "\"\"", "\"x\"", "\"\\ud800\"", "[]", "[[7]]", "{}", "{\"x\": 1}",
        "true", "[null]",
    ];

    public static TheoryData<string> Fields => [.. FieldsOf(JsonNode.Parse(Whole)!, "")];

    [Fact]
    public void Parse_OfTheWhole_IsRead() =>
        Assert.Equal(3, Scenario.Parse(Whole).Zones["us-west4-a"].Preempt!.AfterSeconds);

    [Theory]
    [MemberData(nameof(Fields))]
    public void Parse_RubbishInAField_NamesItOrIsRead(string field)
    {
        var refused = 0;
        foreach (var rubbish in Rubbish)
        {
            var json = Replaced(field, rubbish);
            try
            {
                Scenario.Parse(json);
            }
            catch (ScenarioException fault)
            {
                refused++;
                var top = field.Split('.', '[')[0];
                Assert.StartsWith($"Scenario, field '{fault.Field}': ", fault.Message, StringComparison.Ordinal);
                Assert.True(
                    fault.Field.StartsWith(top, StringComparison.Ordinal),
                    $"{field} with {rubbish} is blamed on {fault.Field}");
            }
        }

        // No field takes a text, a number, a list and an object alike.
        Assert.InRange(refused, 5, Rubbish.Length);
    }

    /// <summary>Which of two values counts is not told, so neither does.</summary>
    [Theory]
    [InlineData("""{"createSeconds": 1, "createSeconds": 2}""", "createSeconds")]
    [InlineData("""{"zones": {"a-b": {"capacity": 1, "capacity": 2}}}""", "capacity")]
    public void Parse_OfAFieldGivenTwice_NamesIt(string json, string field)
    {
        var fault = Assert.Throws<ScenarioException>(() => Scenario.Parse(json));

        Assert.Contains(field, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_OfDamagedText_IsReadOrRefused() => Seeds.Try(400, random =>
    {
        var text = Encoding.UTF8.GetString(AnyText.Damage(random, Encoding.UTF8.GetBytes(Whole)));
        try
        {
            var scenario = Scenario.Parse(text);
            Assert.InRange(scenario.CreateSeconds, 0, 7 * 24 * 3600);
            Assert.All(scenario.Zones.Values, zone => Assert.InRange(zone.Capacity ?? 0, 0, int.MaxValue));
        }
        catch (ScenarioException fault)
        {
            Assert.NotEmpty(fault.Field);
        }
    });

    private static IEnumerable<string> FieldsOf(JsonNode node, string above) => node switch
    {
        JsonObject members => members.SelectMany(member =>
            FieldsOf(member.Value!, $"{above}{(above.Length == 0 ? "" : ".")}{member.Key}")
                .Append($"{above}{(above.Length == 0 ? "" : ".")}{member.Key}")).Distinct(),
        JsonArray items => items.SelectMany((item, index) => FieldsOf(item!, $"{above}[{index}]")),
        _ => [above],
    };

    private static string Replaced(string field, string rubbish)
    {
        var whole = JsonNode.Parse(Whole)!;
        var node = whole;
        var parts = field.Replace("[", ".[").Split('.', StringSplitOptions.RemoveEmptyEntries);
        foreach (var part in parts[..^1])
        {
            node = part[0] == '[' ? node[int.Parse(part.Trim('[', ']'))]! : node[part]!;
        }

        if (parts[^1][0] == '[')
        {
            node[int.Parse(parts[^1].Trim('[', ']'))] = "RUBBISH";
        }
        else
        {
            node[parts[^1]] = "RUBBISH";
        }

        return whole.ToJsonString().Replace("\"RUBBISH\"", rubbish);
    }
}
