using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>
/// The engine for its callers: creates the owners of its state, starts and stops them, and answers calls for one
/// orchestration.
/// </summary>
internal sealed partial class TaskHubEngine : EnginePart
{
    private const int MostExpired = 200;

    private readonly TimerQueue _timers;
    private readonly InstanceTable _instances;

    public TaskHubEngine(TaskHubStore store, TaskHubSidecarOptions options, TimeProvider time, ILogger logger)
        : base(new EngineLoop(store, time, logger), options)
    {
        _timers = new TimerQueue(Loop);
        Work = new WorkDispatcher(Loop, options, _timers);
        _instances = new InstanceTable(Loop, options, _timers, Work);
        Entities = new EntityHost(Loop, options, _timers, Work, _instances);
        Work.Bind(_instances, Entities);
        _instances.Bind(Entities);
        Lists = new InstanceLists(Loop, options, _instances, Entities);
        Reports = new EngineReports(Loop, options, _instances, Work, Entities);
        Loop.AfterRequests = AfterRequests;
        Loop.Stopped = () =>
        {
            Work.EndSessions();
            _instances.RefuseWaiters();
        };
        _instances.Recover();
        Entities.Recover();
        if (options.Retention is not null)
        {
            Loop.Post(Expire);
        }

        Loop.Start();
    }

    /// <summary>The connections of workers, their work and its results.</summary>
    public WorkDispatcher Work { get; }

    /// <summary>The entities.</summary>
    public EntityHost Entities { get; }

    /// <summary>Calls for many orchestrations.</summary>
    public InstanceLists Lists { get; }

    /// <summary>Reports for operators.</summary>
    public EngineReports Reports { get; }

    /// <summary>The error that stopped the engine; null for none.</summary>
    public Exception? Fault => Loop.Fault;

    /// <summary>Raised when a commit has failed and the engine has stopped.</summary>
    public event Action? Faulted
    {
        add => Loop.Faulted += value;
        remove => Loop.Faulted -= value;
    }

    /// <summary>Stops handing out work, ends worker connections and waits, and refuses new requests.
    /// Idempotent.</summary>
    public void BeginStop() => Loop.Post(() => Loop.Stop(null));

    /// <summary>Finishes the requests that have begun, then commits and closes the store.</summary>
    public async Task StopAsync()
    {
        BeginStop();
        await Loop.CompleteAsync();
        await _timers.StopAsync();
        Store.Dispose();
    }

    private void AfterRequests()
    {
        _timers.FireIfDue();
        Work.Pump();
        Store.Instruments.Publish(new EngineGauges(
            _instances.Count,
            _instances.ParkedCount,
            Work.QueuedCount,
            Work.HandedOutCount + Entities.HandedOutCount,
            Work.Sessions.Count));
    }

    private void Expire()
    {
        if (Loop.IsStopping || Options.Retention is not { } retention)
        {
            return;
        }

        DateTimeOffset now = Time.GetUtcNow();
        IReadOnlyList<StoredInstance> expired = Store.EndedBefore((now - retention).UtcTicks, MostExpired);
        // Rows that are also in memory have just ended, run again, or belong to another instance with the same id.
        foreach (StoredInstance row in expired.Where(row => _instances.Find(row.Hub, row.Id) is null))
        {
            Write(new StoreOperation.Delete(row.Key));
        }

        if (expired.Count > 0)
        {
            EngineLog.Expired(Logger, expired.Count);
        }

        // A full portion: there are probably more, but requests of callers run first.
        TimeSpan pause = expired.Count == MostExpired ? TimeSpan.FromMilliseconds(50)
            : TimeSpan.FromTicks(Math.Clamp(
                retention.Ticks / 10, TimeSpan.FromMilliseconds(100).Ticks, TimeSpan.FromMinutes(10).Ticks));
        _timers.At(now + pause, Expire);
    }
}
