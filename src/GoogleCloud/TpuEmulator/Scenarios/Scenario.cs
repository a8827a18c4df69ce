using System.Text.Json;
using System.Text.Json.Serialization;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>The events in one emulated project: refusals of zones, durations, and preemptions.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record Scenario
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        RespectNullableAnnotations = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Gets the project's number, which the cloud names in some errors.</summary>
    public string ProjectNumber { get; init; } = "123456789012";

    /// <summary>Gets a value indicating whether the Cloud TPU API is disabled for the project.</summary>
    public bool ApiDisabled { get; init; }

    /// <summary>Gets the permissions that every caller lacks: calls that need one of <c>tpu.nodes.*</c> are refused,
    /// and tests of permissions, in the project and on its buckets, do not have them.</summary>
    public IReadOnlyList<string> DeniedPermissions { get; init; } = [];

    /// <summary>Gets the time from a create call to READY, in seconds.</summary>
    public double CreateSeconds { get; init; } = 1;

    /// <summary>Gets the time for which the create operation stays open after READY, in seconds.</summary>
    public double OperationLagSeconds { get; init; }

    /// <summary>Gets the time from a delete call to NOT_FOUND, in seconds.</summary>
    public double DeleteSeconds { get; init; } = 0.5;

    /// <summary>Gets the time that a node is STOPPING or STARTING, in seconds.</summary>
    public double SwitchSeconds { get; init; }

    /// <summary>Gets the shortest time that a queued resource waits, in seconds.</summary>
    public double QueueSeconds { get; init; } = 1;

    /// <summary>Gets the zones with rules of their own; any other zone has every type and no faults.</summary>
    public IReadOnlyDictionary<string, ZoneScenario> Zones { get; init; } = new Dictionary<string, ZoneScenario>();

    /// <summary>Gets the regions with quotas of their own, beside those of their zones.</summary>
    public IReadOnlyDictionary<string, RegionScenario> Regions { get; init; } =
        new Dictionary<string, RegionScenario>();

    /// <summary>Gets the faults of the project's buckets; the first that matches a call is played.</summary>
    public IReadOnlyList<StorageFault> Storage { get; init; } = [];

    /// <summary>Reads a scenario.</summary>
    /// <param name="json">The text; comments are allowed.</param>
    /// <returns>The scenario.</returns>
    /// <exception cref="ScenarioException">The text is not a valid scenario.</exception>
    public static Scenario Parse(string json)
    {
        try
        {
            var scenario = JsonSerializer.Deserialize<Scenario>(json, Json)
                ?? throw new ScenarioException("$", "the scenario is null; write a JSON object.");
            ScenarioRules.Check(scenario);
            return scenario;
        }
        catch (JsonException exception)
        {
            var path = exception.Path ?? "$";
            throw new ScenarioException(
                path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path, exception.Message, exception);
        }
    }

    /// <summary>Finds the rules of a zone: its own, or none.</summary>
    internal ZoneScenario In(string zone) => Zones.GetValueOrDefault(zone) ?? ZoneScenario.None;

    /// <summary>Returns the region of a zone: its name without the last part.</summary>
    internal static string RegionOf(string zone) =>
        zone.LastIndexOf('-') is > 0 and var end ? zone[..end] : zone;
}
