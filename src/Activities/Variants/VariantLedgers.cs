using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Orchestrations;

namespace Workflows.Activities.Variants;

/// <summary>The runs of a group, for its ledger: the sums of a group add up the ledgers of all of them.</summary>
/// <param name="Members">The variants, in the order of the request.</param>
public sealed record MembersFact(IReadOnlyList<RunId> Members);

/// <summary>
/// Finds groups and their variants by their ledgers. <b>Invariant:</b> a group names its variants, and a variant its
/// group, before the variant begins.
/// </summary>
public static class VariantLedgers
{
    /// <summary>Returns the variants of a run.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>The variants in their order; empty for a run without.</returns>
    public static IReadOnlyList<RunId> MembersOf(RunLedger ledger, RunId runId)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return ledger.Read(runId).FirstOrDefault(entry => entry.Kind == LedgerKinds.Members) is { } entry
            ? entry.Data.Deserialize<MembersFact>(RunLedger.Json)!.Members : [];
    }

    /// <summary>Returns a run with its variants: those whose facts add up to its cost and its nodes.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>The run itself, and its variants.</returns>
    public static IEnumerable<RunId> WithMembers(RunLedger ledger, RunId runId) =>
        MembersOf(ledger, runId).Prepend(runId);

    /// <summary>Returns the group of a variant.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>The group; null for a run of its own.</returns>
    public static RunId? GroupOf(RunLedger ledger, RunId runId)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return ledger.Read(runId).FirstOrDefault(entry => entry.Kind == LedgerKinds.VariantOf)?
            .Data.Deserialize<VariantGroup>(RunLedger.Json)!.Id;
    }

    /// <summary>Returns the emulated project of a rehearsal; the variants of a group share one.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>The project's id.</returns>
    public static string RehearsalProject(RunLedger ledger, RunId runId) =>
        SweepRecord.RehearsalProject(GroupOf(ledger, runId) ?? runId);

    /// <summary>Returns the part of a variant that its group has begun last, from 1; 0 for none.</summary>
    internal static int PartOf(RunLedger ledger, RunId groupId, RunId variant) =>
        ledger.Read<VariantBegun>(groupId, LedgerKinds.VariantBegun).Select(fact => fact.Data)
            .Where(begun => begun.RunId == variant).Select(begun => begun.Part).DefaultIfEmpty().Max();

    /// <summary>Returns whether a variant of a group has not begun in the group's part, and has no verdict from an
    /// earlier one.</summary>
    internal static bool HasWaiting(RunLedger ledger, RunId groupId)
    {
        var begun = RunParts.Current(ledger.Read(groupId))
            .Where(entry => entry.Kind == LedgerKinds.VariantBegun)
            .Select(entry => entry.Data.Deserialize<VariantBegun>(RunLedger.Json)!.RunId).ToHashSet();
        return MembersOf(ledger, groupId).Any(id => !begun.Contains(id)
            && RunParts.EndOf(ledger.Read(id))?.Data.Deserialize<RunOutcome>(RunLedger.Json)?.Status
                != RunStatus.Succeeded);
    }

    /// <summary>Returns the key of a group's facts about one part of a variant.</summary>
    internal static string KeyOf(RunId variant, int part) =>
        string.Create(CultureInfo.InvariantCulture, $"{variant}#{part}");

    /// <summary>Returns the specification of a group, of its newest part.</summary>
    internal static RunSpec SpecOf(RunLedger ledger, RunId groupId) =>
        ledger.Read<RunSpec>(groupId, LedgerKinds.Group)[^1].Data;
}
