using System.Collections.Concurrent;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Protocol;
using JobEnd = Workflows.Orchestrations.JobEnd;

namespace Workflows.Service.Workers;

/// <summary>
/// The jobs of all workers. <b>Invariant:</b> a dispatch and an end are in the run's ledger before anybody acts on
/// them, so a restart of the service loses neither; progress is only told.
/// </summary>
internal sealed class JobBook(RunLedger ledger, MetricsLog metrics, TimeProvider clock) : ITpuJobs
{
    /// <summary>Ledger kinds of this class.</summary>
    public const string JobKindEntry = "job", JobEndedEntry = "job-ended", RevokedEntry = "revoked";

    private readonly DateTimeOffset _startedAt = clock.GetUtcNow();
    private readonly ConcurrentDictionary<(string Run, string Node), Connection> _connections = new();
    private readonly ConcurrentDictionary<(string Run, string Job), Progress> _progress = new();
    private readonly ConcurrentDictionary<(string Run, string Node), DateTimeOffset> _lastHeard = new();

    public static string JobId(JobKind kind, string nodeName) =>
        $"{(kind == JobKind.Train ? "train" : "translate")}@{nodeName[(nodeName.LastIndexOf('/') + 1)..]}";

    public bool IsConnected(string runId, string nodeName) => _connections.ContainsKey((runId, nodeName));

    public bool IsRevoked(string runId, string nodeName) => ledger.Read(runId)
        .Any(entry => entry.Kind == RevokedEntry && entry.Key == nodeName);

    public void Dispatch(DispatchInput input)
    {
        var id = JobId(input.Kind, input.Lease.NodeName);
        ledger.Append(input.Spec.RunId, JobKindEntry, id, input);
        if (_connections.TryGetValue((input.Spec.RunId, input.Lease.NodeName), out var connection))
        {
            connection.Send(JobTexts.Describe(id, ledger.DirectoryOf(input.Spec.RunId), input));
        }
    }

    public JobStanding Look(JobKind kind, string runId, string nodeName)
    {
        var id = JobId(kind, nodeName);
        var job = ledger.Read<DispatchInput>(runId, JobKindEntry)
            .FirstOrDefault(fact => fact.Data.Kind == kind && fact.Data.Lease.NodeName == nodeName);
        var end = EndOf(runId, id);
        var heard = _lastHeard.GetValueOrDefault((runId, nodeName));
        var since = new[] { heard, job.At, _startedAt }.Max();
        var seen = _progress.GetValueOrDefault((runId, id));
        return seen is not null
            ? new JobStanding(
                clock.GetUtcNow() - since, seen.Step, seen.Steps, seen.CheckpointStep,
                kind == JobKind.Train ? seen.Loss : null, end)
            : Remembered(kind, runId, clock.GetUtcNow() - since, end);
    }

    public void Stop(JobKind kind, string runId, string nodeName)
    {
        if (_connections.TryGetValue((runId, nodeName), out var connection))
        {
            connection.Send(new GatewayMessage
            {
                StopJob = new StopJob { JobId = JobId(kind, nodeName), Reason = "the run is ending" },
            });
        }
    }

    public void Revoke(string runId, string nodeName)
    {
        ledger.Append(runId, RevokedEntry, nodeName, new NodeMoment(nodeName, "revoked"));
        if (_connections.TryRemove((runId, nodeName), out var connection))
        {
            connection.Close();
        }
    }

    /// <summary>Takes a worker's stream in; an older one of the same node is closed.</summary>
    public Connection Open(Hello hello)
    {
        var connection = new Connection();
        _connections.AddOrUpdate((hello.RunId, hello.NodeName), connection, (_, old) =>
        {
            old.Close();
            return connection;
        });
        Heard(hello.RunId, hello.NodeName);

        foreach (var (_, job) in ledger.Read<DispatchInput>(hello.RunId, JobKindEntry))
        {
            var id = JobId(job.Kind, job.Lease.NodeName);
            if (job.Lease.NodeName == hello.NodeName && EndOf(hello.RunId, id) is null)
            {
                connection.Send(JobTexts.Describe(id, ledger.DirectoryOf(hello.RunId), job));
            }
        }

        return connection;
    }

    public void Closed(Hello hello, Connection connection) => _connections.TryRemove(
        new KeyValuePair<(string, string), Connection>((hello.RunId, hello.NodeName), connection));

    public void Heard(string runId, string nodeName) => _lastHeard[(runId, nodeName)] = clock.GetUtcNow();

    public void Report(string runId, Progress progress)
    {
        _progress[(runId, progress.JobId)] = progress;
        if (progress.JobId.StartsWith("train@", StringComparison.Ordinal))
        {
            metrics.Append(runId, progress);
        }
    }

    /// <summary>Notes a job's end.</summary>
    /// <returns>The instance to tell; null when the job is unknown.</returns>
    public string? End(string runId, JobEnded ended)
    {
        var job = ledger.Read<DispatchInput>(runId, JobKindEntry)
            .FirstOrDefault(fact => JobId(fact.Data.Kind, fact.Data.Lease.NodeName) == ended.JobId).Data;
        if (job is null)
        {
            return null;
        }

        ledger.Append(runId, JobEndedEntry, ended.JobId, new EndFact(
            new JobEnd(ended.Succeeded, Text(ended.ErrorCode), Text(ended.ErrorMessage)),
            ended.TrainResult is { } result
                ? JobTexts.Fact(result)
                : null));
        return job.ReplyTo;

        static string? Text(string value) => value.Length == 0 ? null : value;
    }

    /// <summary>The latest progress of whatever the run does on a TPU now.</summary>
    public Progress? Latest(string runId) => ledger.Read<DispatchInput>(runId, JobKindEntry)
        .Select(fact => _progress.GetValueOrDefault(
            (runId, JobId(fact.Data.Kind, fact.Data.Lease.NodeName))))
        .LastOrDefault(progress => progress is not null);

    private JobEnd? EndOf(string runId, string jobId) => ledger.Read(runId)
        .FirstOrDefault(entry => entry.Kind == JobEndedEntry && entry.Key == jobId)?
        .Data.Deserialize<EndFact>(RunLedger.Json)!.End;

    /// <summary>After a restart the metrics on disk know how far a silent worker was.</summary>
    private JobStanding Remembered(JobKind kind, string runId, TimeSpan silentFor, JobEnd? end)
    {
        var curve = kind == JobKind.Train ? metrics.Read(runId) : [];
        var last = curve.Count > 0 ? curve[^1] : null;
        return new JobStanding(
            silentFor, last?.Step ?? 0, last?.Steps ?? 0, last?.CheckpointStep ?? 0, last?.Loss, end);
    }
}
