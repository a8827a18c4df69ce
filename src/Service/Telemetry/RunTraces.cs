using System.Collections.Concurrent;
using System.Diagnostics;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Service.Workers;

namespace Workflows.Service.Telemetry;

/// <summary>
/// The spans of a run that no activity of the engine covers, since no orchestration waits inside one: an attempt to get
/// a TPU, and a worker's job. A job's span continues the trace of the activity that dispatched it; the parent is in
/// memory only, so a job that outlives the service gets a trace of its own, with the same attributes.
/// </summary>
internal sealed class RunTraces : IDisposable
{
    public const string SourceName = "Workflows";
    private readonly RunLedger _ledger;
    private readonly TimeProvider _clock;
    private readonly ActivitySource _source = new(SourceName);
    private readonly ConcurrentDictionary<(RunId Run, string Job), ActivityContext> _dispatched = new();

    public RunTraces(RunLedger ledger, TimeProvider clock)
    {
        (_ledger, _clock) = (ledger, clock);
    }

    public void Dispose() => _source.Dispose();

    /// <summary>Traces a new fact.</summary>
    public void Trace(WrittenFact written)
    {
        if (!_source.HasListeners())
        {
            return;
        }

        var runId = written.RunId;
        switch (written.Data)
        {
            case DispatchInput when Activity.Current is { } current:
                _dispatched[(runId, written.Key)] = current.Context;
                break;
            case AttemptEnd attempt:
                Trace(runId, attempt);
                break;
            case EndFact end:
                Trace(runId, written.Key, end);
                break;
        }
    }

    private void Trace(RunId runId, AttemptEnd attempt)
    {
        using var span = Start(
            "tpu.attempt", runId, Activity.Current?.Context ?? default,
            _clock.GetUtcNow() - TimeSpan.FromSeconds(attempt.Seconds));
        span?.SetTag("workflows.node", attempt.Lease.NodeName.ToString());
        span?.SetTag("workflows.accelerator.type", attempt.Lease.Candidate.AcceleratorType);
        span?.SetTag("cloud.availability_zone", attempt.Lease.Candidate.Zone);
        span?.SetTag("workflows.outcome", WireName.Of(attempt.Outcome));
        Fail(span, attempt.Refusal?.Code, attempt.Refusal?.Reason);
    }

    private void Trace(RunId runId, string jobId, EndFact end)
    {
        _dispatched.TryRemove((runId, jobId), out var parent);
        var (at, job) = _ledger.Read<DispatchInput>(runId, LedgerKinds.Job)
            .First(fact => JobBook.JobId(fact.Data.Kind, runId, fact.Data.Lease.NodeName) == jobId);
        using var span = Start("tpu.job", runId, parent, at);
        span?.SetTag("workflows.job.kind", job.Kind == JobKind.Train ? "train" : "translate");
        span?.SetTag("workflows.node", job.Lease.NodeName.ToString());
        span?.SetTag("workflows.training.steps", end.Train?.Steps);
        Fail(span, end.End.Code, end.End.Message);
    }

    private Activity? Start(string name, RunId runId, ActivityContext parent, DateTimeOffset at) =>
        _source.StartActivity(name, ActivityKind.Internal, parent, startTime: at)?.SetTag("workflows.run", runId.Value);

    private static void Fail(Activity? span, string? code, string? message)
    {
        if (code is not null)
        {
            span?.SetTag("error.type", code);
            span?.SetStatus(ActivityStatusCode.Error, message);
        }
    }
}
