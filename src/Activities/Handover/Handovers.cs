using System.Text.Json;
using System.Text.RegularExpressions;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities.Handover;

/// <summary>The decision about an offered node: written once, in the ledger of the run that offers it.</summary>
/// <param name="NodeName">The node.</param>
/// <param name="To">The run that owns it from now on; null if it is released.</param>
public sealed record HandedFact(NodeName NodeName, RunId? To);

/// <summary>A node that a run got from another one.</summary>
/// <param name="Lease">The node; its attempt is 0, since this run did not ask for it.</param>
/// <param name="From">The run that gave it.</param>
/// <param name="At">Time of the decision: until then the giver pays, and from then on this run.</param>
/// <param name="ReadyAt">Time at which it was first seen READY, by whichever run asked for it.</param>
public sealed record ReceivedFact(TpuLease Lease, RunId From, DateTimeOffset At, DateTimeOffset ReadyAt);

/// <summary>
/// Passes nodes from run to run. <b>Invariant:</b> an offered node has one owner at each time: the run that the one
/// fact <see cref="LedgerKinds.Handed"/> names, or else the run that offered it.
/// </summary>
public static partial class Handovers
{
    /// <summary>State in a ledger of a node that another run owns now.</summary>
    internal const string State = "HANDED";

    /// <summary>Most runs that a node is followed through; a group has fewer variants.</summary>
    private const int MostOwners = 100;

    /// <summary>Returns the run that owns a node now.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run that created it, or a later owner.</param>
    /// <param name="name">The node.</param>
    /// <returns>The run; the given one for a node that was never handed on.</returns>
    public static RunId OwnerOf(RunLedger ledger, RunId runId, NodeName name)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return Follow(ledger, runId, name).Owner;
    }

    /// <summary>Returns the run that owns a node now, and the time since which it does.</summary>
    /// <returns>The given run without a time for a node that was never handed on.</returns>
    internal static (RunId Owner, DateTimeOffset? Since) Follow(RunLedger ledger, RunId runId, NodeName name)
    {
        DateTimeOffset? since = null;
        for (var owners = 0; owners < MostOwners && DecisionOf(ledger, runId, name) is (var at, { To: { } to });
            owners++)
        {
            (runId, since) = (to, at);
        }

        return (runId, since);
    }

    /// <summary>
    /// Returns whether a node that was handed on waits for its owner, which its group begins next. Neither an owner
    /// that has begun and ended since, nor one of an earlier part of the group, is waited for.
    /// </summary>
    internal static bool IsAwaited(RunLedger ledger, RunId owner, RunId group, DateTimeOffset since) =>
        !ledger.Read(owner).Any(entry => entry.Kind == LedgerKinds.Stage && entry.At > since)
        && !ledger.Read(group).Any(entry => entry.Kind == LedgerKinds.Resumed && entry.At > since);

    /// <summary>
    /// Completes the handovers to a run that were decided and then interrupted: only then its own ledger names every
    /// node that it owns, from which it gives them back.
    /// </summary>
    internal static void Complete(RunLedger ledger, RunId taker)
    {
        if (VariantLedgers.GroupOf(ledger, taker) is not { } group)
        {
            return;
        }

        foreach (var giver in VariantLedgers.MembersOf(ledger, group).Where(id => id != taker))
        {
            foreach (var (_, fact) in HandedOn(ledger, giver).Where(each => each.Data.To == taker))
            {
                var lease = ledger.Read<TpuLease>(giver, LedgerKinds.Offered).Select(each => each.Data)
                    .First(each => each.NodeName == fact.NodeName);
                Receive(ledger, giver, lease, taker);
            }
        }
    }

    /// <summary>Returns the run whose id is in the name of a node: the run that created it.</summary>
    /// <param name="name">The node.</param>
    /// <returns>null for a node that no run of this program created.</returns>
    public static RunId? CreatorOf(NodeName name) =>
        Created().Match(name.NodeId) is { Success: true } match && RunId.TryParse(match.Groups[1].Value, out var id)
            ? id : null;

    /// <summary>Lists the nodes that a run handed on.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>Each with the time of the decision; empty for a run that gave none.</returns>
    public static IReadOnlyList<(DateTimeOffset At, HandedFact Data)> HandedOn(RunLedger ledger, RunId runId)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return [.. ledger.Read<HandedFact>(runId, LedgerKinds.Handed).Where(fact => fact.Data.To is not null)];
    }

    /// <summary>Lists the nodes that a run received.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>The facts; empty for a run that received none.</returns>
    public static IReadOnlyList<ReceivedFact> Received(RunLedger ledger, RunId runId)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return [.. ledger.Read<ReceivedFact>(runId, LedgerKinds.Received).Select(fact => fact.Data)];
    }

    /// <summary>Offers a node to the other variants.</summary>
    internal static void Offer(RunLedger ledger, RunId giver, TpuLease lease) =>
        ledger.Append(giver, LedgerKinds.Offered, $"{lease.NodeName}", lease);

    /// <summary>
    /// Decides that a run gets an offered node, and writes that run's facts. A repeated call completes an interrupted
    /// one.
    /// </summary>
    /// <returns>false if the node is released, or another run's.</returns>
    internal static bool Hand(RunLedger ledger, RunId giver, TpuLease lease, RunId taker)
    {
        var name = lease.NodeName;
        if (!IsOffered(ledger, giver, name))
        {
            return false;
        }

        ledger.Append(giver, LedgerKinds.Handed, $"{name}", new HandedFact(name, taker));
        return Receive(ledger, giver, lease, taker);
    }

    /// <summary>Writes the facts of a run that gets a node, if it is decided that it does.</summary>
    /// <returns>false if it does not.</returns>
    internal static bool Receive(RunLedger ledger, RunId giver, TpuLease lease, RunId taker)
    {
        var name = lease.NodeName;
        if (DecisionOf(ledger, giver, name) is not var (at, decision) || decision.To != taker)
        {
            return false;
        }

        if (QueuedRequests.Find(ledger, giver, name) is { } queued)
        {
            ledger.Append(taker, LedgerKinds.Queued, $"{name}", queued);
        }

        lease = lease with { Attempt = 0 };
        ledger.Append(taker, LedgerKinds.Received, $"{name}", new ReceivedFact(
            lease, giver, at, ReadyAtOf(ledger, giver, name) ?? at));

        // The taker's teardown knows its nodes by their intents. The worker was connected, so the node was READY. The
        // giver's fact is the last: until then the node is one of the giver's that are not proved gone.
        ledger.Append(taker, LedgerKinds.Intent, $"{name}", lease);
        ledger.Append(taker, LedgerKinds.Ready, $"{name}", new NodeMoment(name, State));
        ledger.Append(giver, LedgerKinds.Stopped, $"{name}", new NodeMoment(name, State));
        return true;
    }

    /// <summary>
    /// Decides that an offered node is released, unless another run has it. Called before every deletion.
    /// </summary>
    /// <returns>false if the node is another run's, which must not lose it.</returns>
    internal static bool MayRelease(RunLedger ledger, RunId runId, NodeName name)
    {
        if (!IsOffered(ledger, runId, name))
        {
            return true;
        }

        ledger.Append(runId, LedgerKinds.Handed, $"{name}", new HandedFact(name, null));
        return DecisionOf(ledger, runId, name) is not (_, { To: not null });
    }

    /// <summary>Returns the time at which a node was first seen READY, by whichever run asked for it.</summary>
    internal static DateTimeOffset? ReadyAtOf(RunLedger ledger, RunId runId, NodeName name) =>
        Received(ledger, runId).FirstOrDefault(fact => fact.Lease.NodeName == name)?.ReadyAt
        ?? (ledger.Read<NodeMoment>(runId, LedgerKinds.Ready).FirstOrDefault(fact => fact.Data.NodeName == name)
            is { Data: not null } ready ? ready.At : null);

    private static (DateTimeOffset At, HandedFact Fact)? DecisionOf(RunLedger ledger, RunId runId, NodeName name) =>
        ledger.Read(runId).FirstOrDefault(entry => entry.Kind == LedgerKinds.Handed && entry.Key == name.ToString())
            is { } entry ? (entry.At, entry.Data.Deserialize<HandedFact>(RunLedger.Json)!) : null;

    private static bool IsOffered(RunLedger ledger, RunId runId, NodeName name) =>
        ledger.Read(runId).Any(entry => entry.Kind == LedgerKinds.Offered && entry.Key == name.ToString());

    // The greedy first part keeps all dashes but that before the attempt.
    [GeneratedRegex(@"^wf-(.+)-\d+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Created();
}
