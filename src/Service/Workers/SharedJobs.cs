using System.Collections.Concurrent;
using System.Text.Json;
using Google.Protobuf;
using Workflows.Activities.Reporting;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Workers;

/// <summary>What the services tell each other of a worker.</summary>
/// <param name="Owner">The service that has, or had, its stream.</param>
/// <param name="IsConnected">true while the stream is open.</param>
/// <param name="HeardAt">Time of its last message.</param>
internal sealed record WorkerPresence(string Owner, bool IsConnected, DateTimeOffset HeardAt);

/// <summary>
/// Shares workers and jobs between services that have one store: presence of workers, progress of jobs, and commands to
/// stop, which the service obeys that has the worker's stream. The activity that polls a job may run on any of them.
/// </summary>
/// <param name="state">The shared store.</param>
/// <param name="clock">Gives the time; the clocks of services may differ by a few seconds.</param>
internal sealed class SharedJobs(IStateStore state, TimeProvider clock)
{
    /// <summary>Time between two writes about one worker or job that changes nothing but times and steps.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(2);

    /// <summary>A stream whose service says nothing for this long is over: that service has died. Workers send a
    /// heartbeat every 2 seconds.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(20);

    private readonly string _me = Guid.NewGuid().ToString("N");
    private readonly ConcurrentDictionary<string, DateTimeOffset> _written = new(StringComparer.Ordinal);

    /// <summary>Notes that this service has a worker's stream.</summary>
    public void Open(RunId runId, NodeName node)
    {
        var name = WorkerOf(runId, node);
        _written[name] = clock.GetUtcNow();
        state.Change(name, _ => Bytes(Here()));
    }

    /// <summary>Notes a message of a worker.</summary>
    public void Heard(RunId runId, NodeName node)
    {
        var name = WorkerOf(runId, node);
        if (IsDue(name))
        {
            _written[name] = clock.GetUtcNow();

            // A late message of a worker that has moved must not take it back.
            state.Change(name, content => Of(content) is { IsConnected: true } seen && seen.Owner != _me
                && clock.GetUtcNow() - seen.HeardAt <= Silence ? null : Bytes(Here()));
        }
    }

    /// <summary>Notes the end of a stream, unless another service has the worker already.</summary>
    public void Closed(RunId runId, NodeName node) => state.Change(WorkerOf(runId, node), content =>
        Of(content) is { } seen && seen.Owner == _me
            ? Bytes(seen with { IsConnected = false }) : null);

    /// <summary>Returns whether a worker has gone to another service.</summary>
    public bool HasMoved(RunId runId, NodeName node) =>
        Find(runId, node) is { IsConnected: true } seen && seen.Owner != _me;

    /// <summary>Returns whether any service has a worker's stream.</summary>
    public bool IsConnected(RunId runId, NodeName node) => Find(runId, node) is { IsConnected: true } seen
        && clock.GetUtcNow() - seen.HeardAt <= Silence;

    /// <summary>Returns the time of a worker's last message to any service, to within a few seconds.</summary>
    /// <remarks>At the earliest the return of the store after it was away: nobody could note a message
    /// meanwhile.</remarks>
    public DateTimeOffset HeardAt(RunId runId, NodeName node) =>
        new[] { Find(runId, node)?.HeardAt ?? default, state.BackAt }.Max();

    /// <summary>Shares the progress of a job.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="progress">The progress.</param>
    /// <param name="isUrgent">true if it has more than another step.</param>
    public void Report(RunId runId, Progress progress, bool isUrgent)
    {
        var name = ProgressOf(runId, progress.JobId);
        if (isUrgent || IsDue(name))
        {
            _written[name] = clock.GetUtcNow();
            state.Write(name, progress.ToByteArray());
        }
    }

    /// <summary>Returns the progress of a job that any service has shared.</summary>
    public Progress? ProgressFor(RunId runId, string jobId) =>
        state.Read(ProgressOf(runId, jobId)) is { } content ? Progress.Parser.ParseFrom(content) : null;

    /// <summary>Asks the service that has the stream to stop a job.</summary>
    public void Stop(RunId runId, string jobId) => state.Create(StopOf(runId, jobId), []);

    /// <summary>Returns whether a job is to be stopped.</summary>
    public bool IsStopped(RunId runId, string jobId) => state.Read(StopOf(runId, jobId)) is not null;

    private static string WorkerOf(RunId runId, NodeName node) =>
        RunLedger.NameOf(runId, $"workers/{node.NodeId}.json");

    private static string ProgressOf(RunId runId, string jobId) => RunLedger.NameOf(runId, $"progress/{jobId}");

    private static string StopOf(RunId runId, string jobId) => RunLedger.NameOf(runId, $"stops/{jobId}");

    private static WorkerPresence? Of(byte[]? content) =>
        content is null ? null : JsonSerializer.Deserialize<WorkerPresence>(content, RunLedger.Json);

    private static byte[] Bytes(WorkerPresence presence) =>
        JsonSerializer.SerializeToUtf8Bytes(presence, RunLedger.Json);

    private WorkerPresence? Find(RunId runId, NodeName node) => Of(state.Read(WorkerOf(runId, node)));

    // Made when it is written: a store that was away for minutes takes it with the time of its return.
    private WorkerPresence Here() => new(_me, IsConnected: true, clock.GetUtcNow());

    private bool IsDue(string name) => clock.GetUtcNow() - _written.GetValueOrDefault(name) >= Pace;
}
