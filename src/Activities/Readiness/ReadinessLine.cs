using System.Text.Json.Serialization;

namespace Workflows.Activities.Readiness;

/// <summary>How one check of the readiness ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ReadinessLevel>))]
public enum ReadinessLevel
{
    /// <summary>Nothing to do.</summary>
    [JsonStringEnumMemberName("ok")]
    Ok,

    /// <summary>A run may work, but somebody should look.</summary>
    [JsonStringEnumMemberName("warn")]
    Warn,

    /// <summary>A run would fail.</summary>
    [JsonStringEnumMemberName("fail")]
    Fail,
}

/// <summary>One check of the readiness.</summary>
/// <param name="Check">Its stable name, such as <c>bucket</c>.</param>
/// <param name="Level">How it ended.</param>
/// <param name="Finding">One sentence.</param>
/// <param name="Fix">The command or setting that mends it; null where there is nothing to mend.</param>
public sealed record ReadinessLine(string Check, ReadinessLevel Level, string Finding, string? Fix = null)
{
    internal static ReadinessLine Ok(string check, string finding) => new(check, ReadinessLevel.Ok, finding);

    internal static ReadinessLine Warn(string check, string finding, string fix) =>
        new(check, ReadinessLevel.Warn, finding, fix);

    internal static ReadinessLine Fail(string check, string finding, string fix) =>
        new(check, ReadinessLevel.Fail, finding, fix);
}

/// <summary>What a run may be asked to be ready for.</summary>
/// <param name="Project">The project that pays; in rehearsal the emulated one.</param>
/// <param name="IsRehearsal">true if the cloud is the emulator.</param>
/// <param name="AcceleratorTypes">Types of TPU that it may use.</param>
/// <param name="Zones">Zones that it may use; none: those of the price catalog.</param>
/// <param name="ServiceAccount">Account of the TPU VM; null: the project's default.</param>
/// <param name="Sources">Fields with addresses of buckets and of the Hub.</param>
public sealed record ReadinessSubject(
    string Project, bool IsRehearsal, IReadOnlyList<string> AcceleratorTypes, IReadOnlyList<string> Zones,
    string? ServiceAccount, IReadOnlyList<(string Field, string Address)> Sources);
