using System.Text.Json;
using System.Text.Json.Serialization;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>What happens in one emulated project: which zones refuse, how long things take, what is taken away.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record Scenario
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true,
    };

    /// <summary>Gets the project's number, which the cloud names in some errors.</summary>
    public string ProjectNumber { get; init; } = "123456789012";

    /// <summary>Gets a value indicating whether the Cloud TPU API is switched off for the project.</summary>
    public bool ApiDisabled { get; init; }

    /// <summary>Gets the time from a create call to READY, in seconds.</summary>
    public double CreateSeconds { get; init; } = 1;

    /// <summary>Gets the time from a delete call to NOT_FOUND, in seconds.</summary>
    public double DeleteSeconds { get; init; } = 0.5;

    /// <summary>Gets the zones with something of their own; any other zone has every type and no faults.</summary>
    public IReadOnlyDictionary<string, ZoneScenario> Zones { get; init; } = new Dictionary<string, ZoneScenario>();

    /// <summary>Reads a scenario.</summary>
    /// <param name="json">The text; comments are allowed.</param>
    /// <returns>The scenario.</returns>
    /// <exception cref="ScenarioException">The text does not fit.</exception>
    public static Scenario Parse(string json)
    {
        try
        {
            var scenario = JsonSerializer.Deserialize<Scenario>(json, Json)
                ?? throw new ScenarioException("$", "the scenario is null; write a JSON object.");
            foreach (var (zone, rules) in scenario.Zones)
            {
                if (rules.Refuse is not (null or "LOCATION_POLICY_VIOLATED" or "ZONE_NOT_SUPPORTED"))
                {
                    throw new ScenarioException(
                        $"zones.{zone}.refuse", $"'{rules.Refuse}' is not a refusal; use LOCATION_POLICY_VIOLATED or "
                        + "ZONE_NOT_SUPPORTED.");
                }
            }

            return scenario;
        }
        catch (JsonException exception)
        {
            throw new ScenarioException(exception.Path ?? "$", exception.Message, exception);
        }
    }
}

/// <summary>What is special about a zone.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ZoneScenario
{
    /// <summary>Gets a refusal of every create call: LOCATION_POLICY_VIOLATED or ZONE_NOT_SUPPORTED.</summary>
    public string? Refuse { get; init; }

    /// <summary>Gets the limits by quota name, in chips. A limit under the on-demand name holds for spot too, unless
    /// the spot name has one.</summary>
    public IReadOnlyDictionary<string, int> Quota { get; init; } = new Dictionary<string, int>();

    /// <summary>Gets the accelerator types that the zone offers; null: all.</summary>
    public IReadOnlyList<string>? AcceleratorTypes { get; init; }

    /// <summary>Gets the chips there are; a create call beyond them fails inside its operation. Null: no end.</summary>
    public int? Capacity { get; init; }

    /// <summary>Gets how many create calls are answered UNAVAILABLE before one is let through.</summary>
    public int UnavailableCreates { get; init; }

    /// <summary>Gets how many nodes of the zone are preempted, each once.</summary>
    public PreemptionScenario? Preempt { get; init; }

    /// <summary>Gets the time from a delete call to NOT_FOUND here; null: the project's.</summary>
    public double? DeleteSeconds { get; init; }

    /// <summary>Gets the time from a create call to READY here; null: the project's.</summary>
    public double? CreateSeconds { get; init; }
}

/// <summary>When spot nodes are taken away.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record PreemptionScenario
{
    /// <summary>Gets how many nodes are taken; further ones stay.</summary>
    public int Nodes { get; init; } = 1;

    /// <summary>Gets the time since READY, in seconds; null: not by time.</summary>
    public double? AfterSeconds { get; init; }

    /// <summary>Gets a guest attribute, <c>namespace/key</c>, that takes the node away when its number is reached.</summary>
    public string? GuestAttribute { get; init; }

    /// <summary>Gets the number.</summary>
    public double AtLeast { get; init; }
}
