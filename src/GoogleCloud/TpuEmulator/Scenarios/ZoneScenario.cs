using System.Text.Json.Serialization;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>The rules of one zone.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ZoneScenario
{
    /// <summary>A zone without faults.</summary>
    internal static readonly ZoneScenario None = new();

    /// <summary>The refusal whose text leaves open whether the API or the zone is closed.</summary>
    internal const string Unclear = "API_OR_ZONE_FORBIDDEN";

    /// <summary>Gets a refusal of every create call: LOCATION_POLICY_VIOLATED, LOCATION_NOT_FOUND, ZONE_NOT_SUPPORTED
    /// or API_OR_ZONE_FORBIDDEN.</summary>
    public string? Refuse { get; init; }

    /// <summary>Gets the limits by quota name: in chips, for v2 to v5p in TensorCores. A limit under the on-demand name
    /// also applies to spot, unless the spot name has one.</summary>
    public IReadOnlyDictionary<string, int> Quota { get; init; } = new Dictionary<string, int>();

    /// <summary>Gets the accelerator types that the zone offers; null for all.</summary>
    public IReadOnlyList<string>? AcceleratorTypes { get; init; }

    /// <summary>Gets the accelerator types that flex-start provides here; null for all.</summary>
    public IReadOnlyList<string>? FlexStartTypes { get; init; }

    /// <summary>Gets the number of lists of accelerator types that are empty before one is right.</summary>
    public int EmptyAcceleratorTypeLists { get; init; }

    /// <summary>Gets the chips of the zone; a create call beyond them fails inside its operation. null for no
    /// limit.</summary>
    public int? Capacity { get; init; }

    /// <summary>Gets the number of create calls that are answered UNAVAILABLE before one is admitted.</summary>
    public int UnavailableCreates { get; init; }

    /// <summary>Gets the number of create calls over the rate limit, after the unavailable ones.</summary>
    public int RateLimitedCreates { get; init; }

    /// <summary>Gets the delay that such an answer asks for, in seconds; it then has the words and details of Google's
    /// front end. null for the words of the TPU API, which asks for none.</summary>
    public double? RateLimitRetrySeconds { get; init; }

    /// <summary>Gets the time for which a new node is not found yet, though its request was accepted, in
    /// seconds.</summary>
    public double UnseenSeconds { get; init; }

    /// <summary>Gets the chips of the project's reservation; a reserved node beyond them fails inside its operation.
    /// null for no reservation.</summary>
    public int? Reserved { get; init; }

    /// <summary>Gets the maintenance of the zone's nodes, spot and others.</summary>
    public MaintenanceScenario? Maintenance { get; init; }

    /// <summary>Gets the preemptions of the zone's spot nodes, once each.</summary>
    public PreemptionScenario? Preempt { get; init; }

    /// <summary>Gets the time from a delete call to NOT_FOUND here; null for the project's.</summary>
    public double? DeleteSeconds { get; init; }

    /// <summary>Gets the time from a create call to READY here; null for the project's.</summary>
    public double? CreateSeconds { get; init; }

    /// <summary>Gets the time for which a create operation stays open after READY here; null for the
    /// project's.</summary>
    public double? OperationLagSeconds { get; init; }

    /// <summary>Gets the shortest time that a queued resource waits here; null for the project's.</summary>
    public double? QueueSeconds { get; init; }
}
