using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Capacity.Bench.Policies;
using Workflows.GoogleCloud.TpuEmulator.Cloud;
using Workflows.Orchestrations;

namespace Workflows.Capacity.Bench.Product;

/// <summary>
/// The workers of a simulated job: each connects when its node is READY, needs its restart, and then works at one
/// rate. Only checkpoints outlive a node, and one is saved when a preemption is announced.
/// </summary>
/// <param name="job">The job.</param>
/// <param name="cloud">The emulated cloud.</param>
/// <param name="ledger">The ledger, beside which the curve is written.</param>
/// <param name="clock">The virtual clock.</param>
internal sealed class ModelledWorkers(SpotJob job, EmulatedCloud cloud, RunLedger ledger, VirtualClock clock) : ITpuJobs
{
    /// <summary>Seconds of a step.</summary>
    public const double StepSeconds = 10;

    private NodeName _node;
    private DateTimeOffset _dispatchedAt;
    private DateTimeOffset? _revokedAt;
    private RunId? _run;
    private int _begunAt;
    private int _every = (int)(SpotJob.Checkpoint / StepSeconds);
    private int _checkpoint;
    private int _written = -1;
    private bool _isStopped;

    private int Steps => (int)(job.Work / StepSeconds);

    /// <summary>Gets the time at which the work is done on the present node; null without one.</summary>
    public DateTimeOffset? DoneAt => _run is null || _revokedAt is not null || LostAt() is not null
        ? null : _dispatchedAt.AddSeconds(job.Restart + (Steps - _begunAt) * StepSeconds);

    /// <inheritdoc />
    public bool IsConnected(RunId runId, NodeName nodeName) => true;

    /// <inheritdoc />
    public void Dispatch(DispatchInput input)
    {
        if (input.Lease.NodeName == _node)
        {
            return;
        }

        Keep();
        _every = input.CheckpointEverySteps ?? input.Spec.Training.CheckpointEverySteps;
        (_node, _run) = (input.Lease.NodeName, input.Spec.RunId);
        (_dispatchedAt, _revokedAt, _begunAt, _isStopped) = (clock.GetUtcNow(), null, _checkpoint, false);

        // A worker reports every step, so that the product sees the first one at its next look.
        _written = -1;
        ledger.Append(input.Spec.RunId, LedgerKinds.Job, $"train@{_node.NodeId}", input);
    }

    /// <inheritdoc />
    public JobStanding Look(JobKind kind, RunId runId, NodeName nodeName)
    {
        var step = StepNow();
        Keep();
        Write(runId, step);
        return new JobStanding(
            TimeSpan.Zero, step, Steps, _checkpoint, 1, step >= Steps ? new JobEnd(true, null, null)
                : _isStopped ? new JobEnd(false, "STOPPED", "The job was stopped.") : null);
    }

    /// <inheritdoc />
    public void Stop(JobKind kind, RunId runId, NodeName nodeName)
    {
        // A worker that is stopped saves its last step.
        if (nodeName == _node && _revokedAt is null && LostAt() is null)
        {
            _checkpoint = Math.Max(_checkpoint, StepNow());
            _revokedAt = clock.GetUtcNow();
            _isStopped = true;
        }
    }

    /// <inheritdoc />
    public void Finish(RunId runId) => throw new NotSupportedException("Nobody ends a simulated training early.");

    /// <inheritdoc />
    public void Hand(RunId runId, NodeName nodeName) =>
        throw new NotSupportedException("A simulated job has no variants.");

    /// <inheritdoc />
    public void Revoke(RunId runId, NodeName nodeName)
    {
        if (nodeName == _node)
        {
            Keep();
            _revokedAt ??= clock.GetUtcNow();
        }
    }

    private int StepNow() => StepAt(new[] { clock.GetUtcNow(), ToldAt(), _revokedAt }.Min()!.Value);

    private int StepAt(DateTimeOffset until)
    {
        var worked = (until - _dispatchedAt).TotalSeconds - job.Restart;

        // A clock of whole ticks may stand a hair before the end of the last step.
        return _run is null ? 0 : Math.Min(Steps, _begunAt + (int)Math.Floor(Math.Max(0, worked + 1e-3) / StepSeconds));
    }

    private void Keep() => _checkpoint = new[]
    {
        _checkpoint, StepNow() / _every * _every,

        // A worker that is told of the preemption stops, and saves its last step.
        job.Notice > 0 && ToldAt() is { } told ? StepAt(told) : 0,
    }.Max();

    /// <summary>Returns the time at which a worker whose node was lost stopped its work; null while it is
    /// there.</summary>
    private DateTimeOffset? ToldAt() =>
        LostAt() is { } lost && !(_revokedAt < lost) ? lost.AddSeconds(-job.Notice) : null;

    /// <summary>Returns the time at which the cloud took the node away; null while it is there.</summary>
    private DateTimeOffset? LostAt() => cloud.Billed().FirstOrDefault(time => time.NodeName == $"{_node}") is { } time
        && time.To < clock.GetUtcNow() ? time.To : null;

    /// <summary>Writes points of the curve, from which the product measures start and rate: of the first step on a node
    /// and of each checkpoint, at the time at which a worker reports it.</summary>
    private void Write(RunId runId, int step)
    {
        if (step > _begunAt && (step / _every != _written || step == _begunAt + 1))
        {
            if (_written < 0 && step > _begunAt + 1)
            {
                WritePoint(runId, _begunAt + 1, _begunAt);
            }

            _written = step / _every;
            WritePoint(runId, step, _checkpoint);
        }
    }

    private void WritePoint(RunId runId, int step, int checkpoint) => File.AppendAllText(
        Path.Combine(ledger.DirectoryOf(runId), "metrics.jsonl"),
        JsonSerializer.Serialize(
            new MetricPoint(
                _dispatchedAt.AddSeconds(job.Restart + ((step - _begunAt) * StepSeconds)), step, Steps, 1, 0, 0, step,
                1, checkpoint),
            RunLedger.Json)
        + "\n");
}
