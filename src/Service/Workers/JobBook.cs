using System.Collections.Concurrent;
using System.Text.Json;
using Workflows.Activities.Handover;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Protocol;
using JobEnd = Workflows.Orchestrations.JobEnd;

namespace Workflows.Service.Workers;

/// <summary>
/// Keeps the jobs of all workers. <b>Invariant:</b> a dispatch and an end are in the run's ledger before anything
/// depends on them, so a restart of the service loses neither; progress is in memory, and in a shared store for other
/// services.
/// </summary>
internal sealed partial class JobBook(RunLedger ledger, MetricsLog metrics, TimeProvider clock) : ITpuJobs
{
    private readonly DateTimeOffset _startedAt = clock.GetUtcNow();
    private readonly ConcurrentDictionary<(RunId Run, NodeName Node), Connection> _connections = new();
    private readonly ConcurrentDictionary<(RunId Run, string Job), Progress> _progress = new();
    private readonly ConcurrentDictionary<(RunId Run, NodeName Node), DateTimeOffset> _lastHeard = new();
    private readonly ConcurrentDictionary<(RunId Run, NodeName Node), string> _devices = new();
    private readonly ConcurrentDictionary<RunId, long> _trained = new();

    /// <summary>Tells other services of workers and jobs; null if there are none.</summary>
    private readonly SharedJobs? _shared = ledger.State.IsShared ? new SharedJobs(ledger.State, clock) : null;

    /// <summary>Raised with the tokens that a training reports beyond its last report.</summary>
    public event Action<long>? Trained;

    /// <summary>Gets the number of workers with an open stream.</summary>
    public int ConnectedCount => _connections.Count;

    /// <summary>Returns the id of a job. It is part of ledgers and never changes.</summary>
    /// <remarks>It names the run where that is not the one that created the node: a worker that works for one run after
    /// the other must not take a job for one that it has done.</remarks>
    public static string JobId(JobKind kind, RunId runId, NodeName nodeName) =>
        Handovers.CreatorOf(nodeName) is { } creator && creator != runId
            ? $"{PrefixOf(kind)}{runId}@{nodeName.NodeId}" : PrefixOf(kind) + nodeName.NodeId;

    public bool IsConnected(RunId runId, NodeName nodeName) =>
        _connections.ContainsKey((runId, nodeName)) || _shared?.IsConnected(runId, nodeName) == true;

    public bool IsRevoked(RunId runId, NodeName nodeName) => ledger.Read(runId)
        .Any(entry => entry.Kind == LedgerKinds.Revoked && entry.Key == nodeName.ToString());

    public void Dispatch(DispatchInput input)
    {
        var id = JobId(input.Kind, input.Spec.RunId, input.Lease.NodeName);
        ledger.Append(input.Spec.RunId, LedgerKinds.Job, id, input);
        if (_devices.TryGetValue((input.Spec.RunId, input.Lease.NodeName), out var device)
            && EndsOnWrongDevice(id, input, device))
        {
            return;
        }

        if (_connections.TryGetValue((input.Spec.RunId, input.Lease.NodeName), out var connection))
        {
            Give(connection, id, input);
        }
    }

    public JobStanding Look(JobKind kind, RunId runId, NodeName nodeName)
    {
        var id = JobId(kind, runId, nodeName);
        var job = ledger.Read<DispatchInput>(runId, LedgerKinds.Job)
            .FirstOrDefault(fact => fact.Data.Kind == kind && fact.Data.Lease.NodeName == nodeName);
        var end = EndOf(runId, id);
        var heard = _lastHeard.GetValueOrDefault((runId, nodeName));
        var since = new[] { heard, job.At, _startedAt, _shared?.HeardAt(runId, nodeName) ?? default }.Max();
        var seen = ProgressOf(runId, nodeName, id);
        return seen is not null
            ? new JobStanding(
                clock.GetUtcNow() - since, seen.Step, seen.Steps, seen.CheckpointStep,
                kind == JobKind.Train ? seen.Loss : null, end)
            : Remembered(kind, runId, clock.GetUtcNow() - since, end);
    }

    public void Stop(JobKind kind, RunId runId, NodeName nodeName)
    {
        if (_connections.TryGetValue((runId, nodeName), out var connection))
        {
            connection.Send(new GatewayMessage
            {
                StopJob = new StopJob { JobId = JobId(kind, runId, nodeName), Reason = "the run is ending" },
            });
        }
        else
        {
            _shared?.Stop(runId, JobId(kind, runId, nodeName));
        }
    }

    /// <summary>Returns the run for which the worker of a node works now.</summary>
    public RunId OwnerOf(RunId runId, NodeName nodeName) => Handovers.OwnerOf(ledger, runId, nodeName);

    public void Hand(RunId runId, NodeName nodeName)
    {
        if (_connections.TryRemove((runId, nodeName), out var connection))
        {
            connection.Close();
        }
    }

    public void Revoke(RunId runId, NodeName nodeName)
    {
        NoteMoved(runId, nodeName);
        ledger.Append(runId, LedgerKinds.Revoked, $"{nodeName}", new NodeMoment(nodeName, "revoked"));
        if (_connections.TryRemove((runId, nodeName), out var connection))
        {
            connection.Close();
        }
    }

    /// <summary>Receives a worker's report of its device. A run that pays for a TPU ends if there is none.</summary>
    public void Found(RunId runId, NodeName nodeName, string device)
    {
        _devices[(runId, nodeName)] = device;
        foreach (var (_, job) in ledger.Read<DispatchInput>(runId, LedgerKinds.Job)
            .Where(fact => fact.Data.Lease.NodeName == nodeName))
        {
            EndsOnWrongDevice(JobId(job.Kind, runId, nodeName), job, device);
        }
    }

    /// <summary>Registers a worker's stream and sends its jobs; closes an older stream of the same node.</summary>
    public Connection Open(RunId runId, NodeName nodeName)
    {
        var connection = new Connection();
        _connections.AddOrUpdate((runId, nodeName), connection, (_, old) =>
        {
            old.Close();
            return connection;
        });
        Heard(runId, nodeName);
        _shared?.Open(runId, nodeName);

        foreach (var (_, job) in ledger.Read<DispatchInput>(runId, LedgerKinds.Job))
        {
            var id = JobId(job.Kind, runId, job.Lease.NodeName);
            if (job.Lease.NodeName == nodeName && EndOf(runId, id) is null)
            {
                Give(connection, id, job);
            }
        }

        return connection;
    }

    public void Closed(RunId runId, NodeName nodeName, Connection connection)
    {
        if (_connections.TryRemove(
            new KeyValuePair<(RunId, NodeName), Connection>((runId, nodeName), connection)))
        {
            Tell(shared => shared.Closed(runId, nodeName));
        }
    }

    public void Heard(RunId runId, NodeName nodeName)
    {
        _lastHeard[(runId, nodeName)] = clock.GetUtcNow();
        if (_connections.ContainsKey((runId, nodeName)))
        {
            Tell(shared => shared.Heard(runId, nodeName));
        }
    }

    /// <summary>Records the progress of a job of this node.</summary>
    /// <returns>The reason why it is refused; null if it is recorded.</returns>
    public string? Report(RunId runId, NodeName nodeName, Progress progress)
    {
        if (JobOf(runId, nodeName, progress.JobId) is not { } job)
        {
            return "job_id";
        }

        if (WorkerInput.FaultOf(progress) is { } fault)
        {
            return fault;
        }

        var last = _progress.GetValueOrDefault((runId, progress.JobId));
        var bounded = WorkerInput.Bounded(progress);
        _progress[(runId, progress.JobId)] = bounded;
        _shared?.Report(runId, bounded, isUrgent: last?.CheckpointStep != bounded.CheckpointStep);
        // Without tokens and loss it is no step but work before the steps, such as compilation.
        if (progress is not { Tokens: 0, Loss: 0 }
            && progress.JobId.StartsWith(PrefixOf(JobKind.Train), StringComparison.Ordinal))
        {
            // A run's tokens go on over its jobs: after a loss or a restart of this service they do not begin at zero.
            var before = _trained.GetOrAdd(runId, run => metrics.Read(run) is [.., var last] ? last.Tokens : 0);
            _trained[runId] = progress.Tokens;
            metrics.Append(runId, progress, Measured(runId, progress, job.Spec));
            Trained?.Invoke(Math.Max(0, progress.Tokens - before));
        }

        return null;
    }

    /// <summary>
    /// Records a measurement on the validation pairs, and returns it with the first report that has it. Each later
    /// report repeats the newest measurement.
    /// </summary>
    private ValidationFact? Measured(RunId runId, Progress progress, RunSpec spec)
    {
        if (progress.ValidationStep == 0 || spec.Training.Validation is not { } validation)
        {
            return null;
        }

        // After a loss the steps are repeated, with the same result: the key keeps the first.
        var fact = new ValidationFact(progress.ValidationStep, progress.ValidationScore, validation.Metric);
        var isNew = ledger.Append(runId, LedgerKinds.Validation, $"{progress.ValidationStep}", fact);
        return isNew || progress.ValidationStep == progress.Step ? fact : null;
    }

    /// <summary>Records the newest checkpoint of a worker whose VM is about to end, so that fewer steps are
    /// lost.</summary>
    public void Drain(RunId runId, NodeName nodeName, Draining draining)
    {
        draining = WorkerInput.Bounded(draining);
        if (JobOf(runId, nodeName, draining.JobId) is not null
            && _progress.TryGetValue((runId, draining.JobId), out var seen) && draining.CheckpointStep <= seen.Steps
            && (draining.CheckpointStep > seen.CheckpointStep || draining.BytesWritten > seen.BytesWritten))
        {
            var progress = seen.Clone();
            progress.CheckpointStep = Math.Max(progress.CheckpointStep, draining.CheckpointStep);
            progress.Step = Math.Max(progress.Step, draining.CheckpointStep);
            progress.BytesRead = Math.Max(progress.BytesRead, draining.BytesRead);
            progress.BytesWritten = Math.Max(progress.BytesWritten, draining.BytesWritten);
            _progress[(runId, draining.JobId)] = progress;
            _shared?.Report(runId, progress, isUrgent: true);
        }
    }

    /// <summary>Records a job's end.</summary>
    /// <returns>The orchestration instance to notify; null for an unknown job.</returns>
    public string? End(RunId runId, NodeName nodeName, JobEnded ended)
    {
        if (JobOf(runId, nodeName, ended.JobId) is not { } job)
        {
            return null;
        }

        ended = WorkerInput.Bounded(ended);
        ledger.Append(runId, LedgerKinds.JobEnded, ended.JobId, new EndFact(
            new JobEnd(ended.Succeeded, Text(ended.ErrorCode), Text(ended.ErrorMessage)),
            ended.TrainResult is { } result
                ? JobTexts.Fact(result)
                : null)
        {
            Compile = JobTexts.Fact(ended.TrainResult?.Compile ?? ended.TranslateResult?.Compile),
            Decoded = JobTexts.Facts(ended.TranslateResult?.Decoded),
            Moved = MovedFact.Of(ended.BytesRead, ended.BytesWritten),
        });
        return job.ReplyTo;

        static string? Text(string value) => value.Length == 0 ? null : value;
    }

    /// <summary>
    /// Returns the latest progress of the job that the run has on a TPU now; null between the loss or release of a node
    /// and the first report of the next one.
    /// </summary>
    public Progress? Latest(RunId runId)
    {
        var over = ledger.Read(runId)
            .Where(entry => entry.Kind is LedgerKinds.Stopped or LedgerKinds.Revoked or LedgerKinds.Released)
            .Select(entry => entry.Key).ToHashSet(StringComparer.Ordinal);
        return ledger.Read<DispatchInput>(runId, LedgerKinds.Job)
            .Where(fact => !over.Contains($"{fact.Data.Lease.NodeName}"))
            .Select(fact => ProgressOf(
                runId, fact.Data.Lease.NodeName, JobId(fact.Data.Kind, runId, fact.Data.Lease.NodeName)))
            .LastOrDefault(progress => progress is not null);
    }

    /// <summary>Forgets a run that is purged.</summary>
    public void Forget(RunId runId)
    {
        metrics.Forget(runId);
        _trained.TryRemove(runId, out _);
        foreach (var key in _progress.Keys.Where(key => key.Run == runId))
        {
            _progress.TryRemove(key, out _);
        }

        foreach (var key in _lastHeard.Keys.Concat(_devices.Keys).Where(key => key.Run == runId))
        {
            _lastHeard.TryRemove(key, out _);
            _devices.TryRemove(key, out _);
        }
    }

    /// <summary>Notes the bytes that jobs without an end have moved, before their node is given back: their progress is
    /// in memory alone.</summary>
    private void NoteMoved(RunId runId, NodeName nodeName)
    {
        foreach (var (_, job) in ledger.Read<DispatchInput>(runId, LedgerKinds.Job)
            .Where(fact => fact.Data.Lease.NodeName == nodeName))
        {
            var id = JobId(job.Kind, runId, nodeName);
            if (EndOf(runId, id) is null && ProgressOf(runId, nodeName, id) is { } seen
                && MovedFact.Of(seen.BytesRead, seen.BytesWritten) is { } moved)
            {
                ledger.Append(runId, LedgerKinds.Transferred, id, moved);
            }
        }
    }

    /// <summary>Returns the job with this id, if it was given to this node.</summary>
    private DispatchInput? JobOf(RunId runId, NodeName nodeName, string jobId) =>
        ledger.Read<DispatchInput>(runId, LedgerKinds.Job)
            .Select(fact => fact.Data)
            .FirstOrDefault(job => job.Lease.NodeName == nodeName && JobId(job.Kind, runId, nodeName) == jobId);

    /// <summary>Ends a job that would compute on a VM's processor while a TPU is paid for.</summary>
    private bool EndsOnWrongDevice(string id, DispatchInput job, string device)
    {
        if (job.Spec.IsRehearsal || job.Spec.AllowHostProcessor
            || device.StartsWith("tpu", StringComparison.OrdinalIgnoreCase) || EndOf(job.Spec.RunId, id) is not null)
        {
            return false;
        }

        var failure = new RunFailure(
            "WORKER_WITHOUT_TPU",
            $"The worker of {job.Lease.NodeName} computes on '{device}', and the run pays for a TPU.",
            "Use a worker image with a TPU library, and the runtime version of the accelerator type; or set "
            + "allowHostProcessor to pay for the processor all the same.");
        ledger.Append(job.Spec.RunId, LedgerKinds.JobEnded, id, new EndFact(
            new JobEnd(false, failure.Code, $"{failure.Message} {failure.Fix}"), null));
        return true;
    }

    // The prefixes are part of ledgers and of the worker's protocol, and never change.
    private static string PrefixOf(JobKind kind) => kind == JobKind.Train ? "train@" : "translate@";

    private JobEnd? EndOf(RunId runId, string jobId) => ledger.Read(runId)
        .FirstOrDefault(entry => entry.Kind == LedgerKinds.JobEnded && entry.Key == jobId)?
        .Data.Deserialize<EndFact>(RunLedger.Json)!.End;

    /// <summary>Returns the progress of a silent worker after a restart, from the metrics on disk.</summary>
    private JobStanding Remembered(JobKind kind, RunId runId, TimeSpan silentFor, JobEnd? end)
    {
        var curve = kind == JobKind.Train ? metrics.Read(runId) : [];
        var last = curve.Count > 0 ? curve[^1] : null;
        return new JobStanding(
            silentFor, last?.Step ?? 0, last?.Steps ?? 0, last?.CheckpointStep ?? 0, last?.Loss, end);
    }
}
