using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Microsoft.DurableTask;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Handover;
using Workflows.Activities.Moves;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Teardown;
using Workflows.Orchestrations;

namespace Workflows.Activities.Training;

/// <summary>
/// Polls a job from both sides: its worker's last report and the cloud's state of the node. A node that is
/// preempted, stopped or gone is lost, and so is one in another state than READY whose worker does not talk, a worker
/// that is silent for too long on a READY node, and one whose chips have failed.
/// </summary>
public sealed class ObserveJobActivity(
    ITpuCloud cloud, ITpuJobs jobs, RunLedger ledger, TimeProvider clock, WorkForesight? foresight = null,
    CapacityMemory? memory = null, MoveAdvice? moves = null)
    : TaskActivity<ObserveJobInput, JobObservation>
{
    private const string DeviceLost = "DEVICE_LOST";

    /// <inheritdoc />
    public override async Task<JobObservation> RunAsync(TaskActivityContext context, ObserveJobInput input)
    {
        var (spec, name) = (input.Spec, input.Lease.NodeName);
        var state = await StateAsync(spec, name);

        // Read after the node's state: a job that ended just before its VM went away has ended.
        var job = jobs.Look(input.Kind, spec.RunId, name);
        DeadlineFacts.NoteIfMissed(ledger, spec, clock.GetUtcNow());
        var isSilent = job.SilentFor > TimeSpan.FromSeconds(spec.Pace.SilenceSeconds);
        var isGone = state is not (nameof(Node.Types.State.Ready) or NodeStates.Unreachable)
            && (NodeStates.IsEnd(state) || isSilent || !jobs.IsConnected(spec.RunId, name));
        var isOver = isGone && IsOver(spec, input.Lease, state);
        if (HasStoppedCosting(state)
            && ledger.Append(spec.RunId, LedgerKinds.Stopped, $"{name}", new NodeMoment(name, state)) && !isOver)
        {
            RememberLoss(spec, input.Lease);
        }
        else if (isGone && !HasStoppedCosting(state) && job.End is null)
        {
            // Taken by the cloud for a repair or a restart, and given up by the run after this look. One that is looked
            // at twice counts twice, which an estimate bears.
            RememberLoss(spec, input.Lease);
        }

        // Chips that fail after some work are the node's fault, so another node continues. Chips that fail at once
        // would do so on every node.
        var isBroken = job.End?.Code == DeviceLost && job.Step > 0;
        var isLost = isBroken || (job.End is null && (isGone || isSilent));
        var cause = isOver ? JobObservation.DurationOver
            : isGone ? state.ToUpperInvariant()
            : isBroken ? DeviceLost
            : isSilent ? "WORKER_SILENT"
            : null;
        if (state != NodeStates.Unreachable)
        {
            await StrayNodes.ReleaseAsync(cloud, ledger, jobs, spec, input.Lease.Attempt);
        }

        var group = spec.Group?.Id ?? spec.RunId;
        var accrued = RunCosts.Of(ledger, group, clock.GetUtcNow()).ActualUsd;
        return new JobObservation(
            state, isLost, cause, Math.Max(0, job.Step - job.CheckpointStep), isBroken ? null : job.End, job.Step,
            job.Steps, job.Loss, accrued)
        {
            StopUsd = RunCosts.ToStop(ledger, group, spec.Pace),
            Outlook = spec.Deadline is null ? null : foresight?.Of(input.Kind, spec, job),
            TooManyLosses = isLost ? LossLimits.Judge(ledger, spec, cause!) : null,
            Move = isLost || job.End is not null ? null : moves?.Find(input, job, accrued),
        };
    }

    /// <summary>Returns whether a node in this state costs nothing and never will again. One that is REPAIRING or
    /// restarts may be READY again before its deletion: it counts until that begins, or it is gone.</summary>
    private static bool HasStoppedCosting(string state) => state is NodeStates.NotFound
        or nameof(Node.Types.State.Preempted) or nameof(Node.Types.State.Terminated)
        or nameof(Node.Types.State.Stopped) or nameof(Node.Types.State.Deleting);

    /// <summary>
    /// Returns whether the cloud has deleted a flex-start node at the end of its maximum run duration, which begins
    /// with its VM: at most the time of a boot before it was seen READY.
    /// </summary>
    private bool IsOver(RunSpec spec, TpuLease lease, string state) =>
        state != nameof(Node.Types.State.Preempted)
        && QueuedRequests.Find(ledger, spec.RunId, lease.NodeName)?.MaxRunSeconds is { } seconds
        && Handovers.ReadyAtOf(ledger, spec.RunId, lease.NodeName) is { } readyAt
        && clock.GetUtcNow() >= readyAt.AddSeconds(seconds - spec.Pace.BootSeconds);

    /// <summary>Remembers the life of a lost node for other runs.</summary>
    private void RememberLoss(RunSpec spec, TpuLease lease)
    {
        if (Handovers.ReadyAtOf(ledger, spec.RunId, lease.NodeName) is { } readyAt)
        {
            memory?.RememberLoss(
                spec.Project, lease.Candidate, (clock.GetUtcNow() - readyAt).TotalSeconds, spec.MemoryPace);
        }
    }

    /// <summary>
    /// Returns the node's state. While the API is unreachable the node's state is unknown, and its worker's reports
    /// decide.
    /// </summary>
    private async Task<string> StateAsync(RunSpec spec, NodeName name)
    {
        try
        {
            var connection = await cloud.ConnectAsync(spec, CancellationToken.None);
            return await ObserveNodeActivity.StateOfAsync(connection, name);
        }
        catch (RpcException exception) when (RefusalClassifier.IsTransient(exception))
        {
            return NodeStates.Unreachable;
        }
    }
}
