using System.Text.Json.Serialization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Readiness;

/// <summary>The result of one readiness check.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ReadinessLevel>))]
public enum ReadinessLevel
{
    /// <summary>Nothing needs to be done.</summary>
    [JsonStringEnumMemberName("ok")]
    Ok,

    /// <summary>A run may work, but a person should look at it.</summary>
    [JsonStringEnumMemberName("warn")]
    Warn,

    /// <summary>A run would fail.</summary>
    [JsonStringEnumMemberName("fail")]
    Fail,
}

/// <summary>One readiness check.</summary>
/// <param name="Check">Its stable name, such as <c>bucket</c>.</param>
/// <param name="Level">Its result.</param>
/// <param name="Finding">One sentence.</param>
/// <param name="Fix">The command or setting that fixes it; null if nothing needs a fix.</param>
public sealed record ReadinessLine(string Check, ReadinessLevel Level, string Finding, string? Fix = null)
{
    internal static ReadinessLine Ok(string check, string finding) => new(check, ReadinessLevel.Ok, finding);

    internal static ReadinessLine Warn(string check, string finding, string fix) =>
        new(check, ReadinessLevel.Warn, finding, fix);

    internal static ReadinessLine Fail(string check, string finding, string fix) =>
        new(check, ReadinessLevel.Fail, finding, fix);
}

/// <summary>The parts of a run whose readiness is checked.</summary>
/// <param name="Project">The project that pays; in rehearsal the emulated one.</param>
/// <param name="IsRehearsal">true for the emulator.</param>
/// <param name="AcceleratorTypes">TPU types that the run may use.</param>
/// <param name="Zones">Zones that it may use; if empty, those of the price catalog.</param>
/// <param name="ServiceAccount">Account of the TPU VM; null for the project's default.</param>
/// <param name="Sources">Fields that have addresses of buckets or of the Hub.</param>
public sealed record ReadinessSubject(
    string Project, bool IsRehearsal, IReadOnlyList<string> AcceleratorTypes, IReadOnlyList<string> Zones,
    string? ServiceAccount, IReadOnlyList<(string Field, string Address)> Sources)
{
    /// <summary>Gets the way to ask for a node.</summary>
    public RequestWay Request { get; init; }

    /// <summary>Gets the provisioning modes of its nodes, whose quotas are read.</summary>
    public IReadOnlyList<ProvisioningMode> Modes { get; init; } = [ProvisioningMode.Spot];
}
