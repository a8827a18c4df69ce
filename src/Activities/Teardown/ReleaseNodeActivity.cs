using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Microsoft.DurableTask;
using Workflows.Activities.Handover;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Teardown;

/// <summary>Starts the deletion of a node, or finds that it is gone; never waits. For a run that goes on meanwhile, a
/// cloud that does not answer is a fact, and no fault that is tried for hours (<see cref="StrayNodes"/>).</summary>
public sealed class ReleaseNodeActivity(ITpuCloud cloud, RunLedger ledger, ITpuJobs jobs)
    : TaskActivity<ReleaseInput, NodeRelease>
{
    /// <inheritdoc />
    public override async Task<NodeRelease> RunAsync(TaskActivityContext context, ReleaseInput input)
    {
        var connection = await cloud.ConnectAsync(input.Spec, CancellationToken.None);
        var (runId, name) = (input.Spec.RunId, input.NodeName);
        return input.GoesOn ? await StrayNodes.ReleaseAsync(connection, ledger, jobs, runId, name)
            : await ReleaseAsync(connection, ledger, jobs, runId, name);
    }

    internal static async Task<NodeRelease> ReleaseAsync(
        TpuConnection connection, RunLedger ledger, ITpuJobs jobs, RunId runId, NodeName name)
    {
        if (!Handovers.MayRelease(ledger, runId, name))
        {
            // Its owner gives it back, and has the proof.
            return new NodeRelease(name, Handovers.State, ConfirmedNotFound: true);
        }

        jobs.Revoke(runId, name);
        if (QueuedRequests.Find(ledger, runId, name) is { } fact
            && await QueuedRequests.ReadAsync(connection, fact) is { } queued)
        {
            return await ReleaseQueuedAsync(connection, ledger, runId, fact, queued);
        }

        var state = await ObserveNodeActivity.StateOfAsync(connection, name);
        if (state == NodeStates.NotFound)
        {
            ledger.Append(runId, LedgerKinds.Released, $"{name}", new NodeMoment(name, state));
            return new NodeRelease(name, state, ConfirmedNotFound: true);
        }

        NoteCost(ledger, runId, name, state);
        if (state != nameof(Node.Types.State.Deleting) && await AskAsync(connection, name) is { } operation)
        {
            if (state == nameof(Node.Types.State.Repairing))
            {
                // It would have cost again once it was repaired; its deletion excludes that.
                ledger.Append(runId, LedgerKinds.Stopped, $"{name}", new NodeMoment(name, state));
            }

            ledger.Append(runId, LedgerKinds.Deletion, $"{name}#{operation}", new NodeDeletion(name, state, operation));
        }

        return new NodeRelease(name, state, ConfirmedNotFound: false);
    }

    /// <summary>Notes what a node's state says about its cost, if nobody has noted it before: one that became READY
    /// unseen costs from now on, such as one whose attempt had ended by then; one that was preempted costs nothing any
    /// more, though it exists.</summary>
    private static void NoteCost(RunLedger ledger, RunId runId, NodeName name, string state)
    {
        if (state is nameof(Node.Types.State.Ready) or nameof(QueuedResourceState.Types.State.Active))
        {
            ledger.Append(runId, LedgerKinds.Ready, $"{name}", new NodeMoment(name, state));
        }

        NoteEnd(ledger, runId, name, state);
    }

    /// <summary>Notes that a node costs nothing any more, if its state says so. NOT_FOUND does not: a node that has
    /// just been asked for may not be found yet.</summary>
    internal static void NoteEnd(RunLedger ledger, RunId runId, NodeName name, string state)
    {
        if (state is nameof(Node.Types.State.Preempted) or nameof(Node.Types.State.Terminated)
            or nameof(Node.Types.State.Stopped) or nameof(QueuedResourceState.Types.State.Suspended))
        {
            ledger.Append(runId, LedgerKinds.Stopped, $"{name}", new NodeMoment(name, state));
        }
    }

    /// <summary>Starts the deletion of a queued resource with its node. Until it is gone, the node is not looked at: a
    /// request that waits could still create it.</summary>
    private static async Task<NodeRelease> ReleaseQueuedAsync(
        TpuConnection connection, RunLedger ledger, RunId runId, QueuedFact fact, QueuedResource queued)
    {
        var state = $"{queued.State?.State}";
        NoteCost(ledger, runId, fact.NodeName, state);
        if (queued.State?.State != QueuedResourceState.Types.State.Deleting
            && await QueuedRequests.DeleteAsync(connection, fact) is { } operation)
        {
            ledger.Append(
                runId, LedgerKinds.Deletion, $"{fact.Name}#{operation}",
                new NodeDeletion(fact.NodeName, state, operation));
        }

        return new NodeRelease(fact.NodeName, state, ConfirmedNotFound: false);
    }

    /// <summary>Requests the deletion of a node.</summary>
    /// <returns>The long-running operation; null for a node that is gone, which the next call proves.</returns>
    internal static async Task<string?> AskAsync(TpuConnection connection, NodeName name)
    {
        try
        {
            return (await connection.Tpu.DeleteNodeAsync(
                new DeleteNodeRequest { Name = $"{name}" },
                TpuConnection.Routed("name", $"{name}", CancellationToken.None))).Name;
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.NotFound)
        {
            return null;
        }
    }
}
