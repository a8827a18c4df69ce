using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Teardown;

/// <summary>
/// Nodes that a run under way uses no more and that are not proved gone: a deletion failed, or the answer to their
/// request was lost. They may cost for as long as the run works, so that each look at its job, each request for another
/// node, and each look at that node until it is usable asks for their release again. <b>Invariant:</b> a node that the
/// run uses, waits for or moves to is none of them, also for an activity that is done again long after its run went on.
/// </summary>
internal static class StrayNodes
{
    /// <summary>Most nodes that one pass asks about, so that a zone that does not answer delays it by one call;
    /// chosen.</summary>
    private const int MostAtOnce = 8;

    /// <summary>Lists the strays.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <param name="before">The attempt whose node the run works on or asks for: the attempts before it are
    /// over.</param>
    /// <returns>Nodes of attempts that are over, and of moves that were given up, except those that are proved gone or
    /// were never requested.</returns>
    public static IReadOnlyList<NodeName> Of(RunLedger ledger, RunId runId, int before)
    {
        var ended = ledger.Read<AttemptEnd>(runId, LedgerKinds.Attempt)
            .Where(fact => fact.Data.Outcome != AttemptOutcome.Ready)
            .Select(fact => fact.Data.Lease.Attempt).ToHashSet();

        // The node of a move may have been usable when the job ended on the old one.
        ended.UnionWith(ledger.Read<MoveRecord>(runId, LedgerKinds.MoveGivenUp)
            .Select(fact => fact.Data.Move.To.Attempt));

        // A node that was handed to the run has no attempt of its own.
        return [.. RunCosts.Left(ledger, runId, DateTimeOffset.UnixEpoch).Select(left => left.Lease)
            .Where(lease => lease.Attempt < before || (lease.Attempt > 0 && ended.Contains(lease.Attempt)))
            .Select(lease => lease.NodeName)
            .Where(name => SentRequests.MayExist(ledger, runId, name))];
    }

    /// <summary>Asks for the release of the strays again. One that cannot be asked for is noted, and asked for with the
    /// next pass: it is no fault of the run's work.</summary>
    /// <param name="cloud">The cloud.</param>
    /// <param name="ledger">The facts.</param>
    /// <param name="jobs">Disconnects their workers.</param>
    /// <param name="spec">The run.</param>
    /// <param name="before">The attempt whose node the run works on or asks for.</param>
    public static async Task ReleaseAsync(
        ITpuCloud cloud, RunLedger ledger, ITpuJobs jobs, RunSpec spec, int before)
    {
        var strays = Of(ledger, spec.RunId, before);
        if (strays.Count > 0)
        {
            var connection = await cloud.ConnectAsync(spec, CancellationToken.None);
            await Task.WhenAll(InTurn(ledger, spec.RunId, strays).Take(MostAtOnce)
                .Select(name => ReleaseAsync(connection, ledger, jobs, spec, name)));
        }
    }

    /// <summary>Orders strays so that those which fail again and again hold up no others: first those that never
    /// failed, and of these and the others the first of each zone, then the second.</summary>
    private static IEnumerable<NodeName> InTurn(RunLedger ledger, RunId runId, IReadOnlyList<NodeName> strays)
    {
        var failed = ledger.Read<NodeMoment>(runId, LedgerKinds.NotReleased)
            .Select(fact => fact.Data.NodeName).ToHashSet();
        return strays.GroupBy(name => (HasFailed: failed.Contains(name), name.Zone))
            .SelectMany(group => group.Select((name, index) => (Name: name, Index: index, group.Key.HasFailed)))
            .OrderBy(each => each.HasFailed).ThenBy(each => each.Index).Select(each => each.Name);
    }

    /// <summary>Asks for the release of one node; a cloud that does not take it is noted.</summary>
    /// <returns>Its state, and whether it is proved gone.</returns>
    internal static async Task<NodeRelease> ReleaseAsync(
        TpuConnection connection, RunLedger ledger, ITpuJobs jobs, RunSpec spec, NodeName name)
    {
        try
        {
            return await ReleaseNodeActivity.ReleaseAsync(connection, ledger, jobs, spec, name);
        }
        catch (RpcException exception)
        {
            ledger.Append(
                spec.RunId, LedgerKinds.NotReleased, $"{name}",
                new NodeMoment(name, $"{exception.StatusCode}: {exception.Status.Detail}"));
            return new NodeRelease(name, NodeStates.Unreachable, ConfirmedNotFound: false);
        }
    }
}
