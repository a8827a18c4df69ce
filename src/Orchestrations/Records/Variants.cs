using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>One variant of a group: a run of its own.</summary>
/// <param name="Name">Its name within the group: 1 to 20 lower-case letters, digits and dashes.</param>
/// <param name="Changes">The fields of the request that it changes, a JSON object.</param>
/// <param name="Spec">The whole run, with <see cref="RunSpec.Group"/>.</param>
public sealed record RunVariant(string Name, string Changes, RunSpec Spec);

/// <summary>The group of a variant.</summary>
/// <param name="Id">The run that has the variants.</param>
/// <param name="Variant">The variant's name.</param>
public sealed record VariantGroup(RunId Id, string Variant)
{
    /// <summary>Gets the hours of the whole group, above 0; null for no limit. A variant gets those that are
    /// left.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? MaxHours { get; init; }

    /// <summary>Gets the approval of the whole group, which its variants do not ask for again; null for
    /// none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ApprovalSpec? Approval { get; init; }
}

/// <summary>The state of a group at the beginning of one of its parts.</summary>
/// <param name="IsPrepared">true if the common corpus is prepared.</param>
/// <param name="Variants">The state of each variant, in the order of the request.</param>
public sealed record VariantsState(bool IsPrepared, IReadOnlyList<VariantState> Variants);

/// <summary>The state of one variant at the beginning of a part of its group.</summary>
/// <param name="Outcome">Its end with a verdict; null if there is work left.</param>
/// <param name="Resumption">The part of it that begins; null for its first.</param>
public sealed record VariantState(RunOutcome? Outcome, RunResumption? Resumption);

/// <summary>Asks whether another variant may begin.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Variant">The variant, as it would be started.</param>
public sealed record VariantStart(RunId GroupId, RunSpec Variant);

/// <summary>A variant that was begun, for the group's ledger.</summary>
/// <param name="RunId">The variant.</param>
/// <param name="Name">Its name within the group.</param>
/// <param name="Part">Number of its part, from 1.</param>
public sealed record VariantBegun(RunId RunId, string Name, int Part);

/// <summary>The end of a variant.</summary>
/// <param name="RunId">The variant.</param>
/// <param name="Name">Its name within the group.</param>
/// <param name="Status">Its status.</param>
/// <param name="Failure">The reason why it did not succeed; null for a success.</param>
public sealed record VariantEnd(RunId RunId, string Name, RunStatus Status, RunFailure? Failure)
{
    /// <summary>Gets its cost in US dollars, all parts together; 0 until it is in the group's ledger.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double Usd { get; init; }
}

/// <summary>A variant has ended.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="End">The end.</param>
public sealed record EndVariantInput(RunId GroupId, VariantEnd End);

/// <summary>Input of the comparison of the variants.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Status">Succeeded, failed or cancelled.</param>
/// <param name="Failure">The reason why it did not succeed; null for a success.</param>
public sealed record CompareInput(RunId GroupId, RunStatus Status, RunFailure? Failure);
