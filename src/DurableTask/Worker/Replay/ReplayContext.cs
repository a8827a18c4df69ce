using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Worker.Tracing;
using Microsoft.Extensions.Logging;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>
/// What one orchestrator sees during one replay. Action ids count from 0 in the order of calls; an action stays pending
/// until the history confirms it, and a task stays open until the history completes it.
/// </summary>
internal sealed partial class ReplayContext(
    string instanceId, WorkerServices worker, OrchestratorScheduler scheduler) : TaskOrchestrationContext
{
    private readonly SortedDictionary<int, Proto.OrchestratorAction> _pending = [];
    private readonly Dictionary<int, OpenTask> _open = [];
    private readonly ExternalEvents _events = new();
    private SortedDictionary<int, Proto.OrchestratorAction>? _withheld;
    private Proto.ExecutionStartedEvent? _started;
    private int _nextId;
    private int _guidCount;
    private DateTime _now;
    private bool _isReplaying;

    public override TaskName Name => new(Started.Name);

    public override string InstanceId => instanceId;

    public override string Version => Started.Version ?? string.Empty;

    public override ParentOrchestrationInstance? Parent => Started.ParentInstance is { } parent
        ? new ParentOrchestrationInstance(
            new TaskName(parent.Name ?? string.Empty), parent.OrchestrationInstance?.InstanceId ?? string.Empty)
        : null;

    public override DateTime CurrentUtcDateTime => _now;

    public override bool IsReplaying => _isReplaying;

    /// <summary>The orchestration's span; null when nobody listens.</summary>
    public OrchestrationSpan? Span { get; init; }

    public string? CustomStatus { get; private set; }

    public ContinueAsNewOptions? Continuation { get; private set; }

    protected override ILoggerFactory LoggerFactory => worker.LoggerFactory;

    private Proto.ExecutionStartedEvent Started =>
        _started ?? throw new InvalidOperationException("The orchestration has not started.");

    public override T GetInput<T>() => worker.Converter.Deserialize<T>(Started.Input)!;

    public override Task<TResult> CallActivityAsync<TResult>(
        TaskName name, object? input = null, TaskOptions? options = null)
    {
        CheckThread();
        // An activity's input is a list of one, whatever it is: that is how all .NET workers write and read it.
        string data = $"[{worker.Converter.Serialize(input) ?? "null"}]";
        return RetryAsync(options?.Retry, () => ActivityAsync<TResult>(name, data, options));
    }

    public override Task<TResult> CallSubOrchestratorAsync<TResult>(
        TaskName orchestratorName, object? input = null, TaskOptions? options = null)
    {
        CheckThread();
        CheckNoEntity((options as SubOrchestrationOptions)?.InstanceId);
        Locks.CheckSubOrchestration(orchestratorName);
        string? data = worker.Converter.Serialize(input);
        return RetryAsync(options?.Retry, () => ChildAsync<TResult>(orchestratorName, data, options));
    }

    public override async Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken)
    {
        CheckThread();
        DateTime moment = fireAt.Kind == DateTimeKind.Local ? fireAt.ToUniversalTime() : fireAt;
        while (moment - _now > worker.MaximumTimerInterval)
        {
            await TimerAsync(_now + worker.MaximumTimerInterval, cancellationToken);
        }

        await TimerAsync(moment, cancellationToken);
    }

    public override async Task<T> WaitForExternalEvent<T>(
        string eventName, CancellationToken cancellationToken = default)
    {
        CheckThread();
        string? payload = await _events.Wait(eventName, typeof(T), cancellationToken);
        return worker.Converter.Deserialize<T>(payload)!;
    }

    public override void SendEvent(string instanceId, string eventName, object payload)
    {
        CheckThread();
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        ArgumentException.ThrowIfNullOrEmpty(eventName);
        CheckNoEntity(instanceId);
        AddSendEvent(instanceId, eventName, worker.Converter.Serialize(payload));
    }

    public override void SetCustomStatus(object? customStatus)
    {
        CheckThread();
        // An empty text clears the status; an absent one would leave the stored status as it is.
        CustomStatus = worker.Converter.Serialize(customStatus) ?? string.Empty;
    }

    public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true) =>
        ContinueAsNew(new ContinueAsNewOptions
        {
            NewInput = newInput,
            PreserveUnprocessedEvents = preserveUnprocessedEvents,
        });

    public override void ContinueAsNew(ContinueAsNewOptions options)
    {
        CheckThread();
        ArgumentNullException.ThrowIfNull(options);
        Continuation = options;
        if (options.PreserveUnprocessedEvents)
        {
            foreach ((string name, string? payload) in _events.TakeUnread().ToList())
            {
                AddSendEvent(InstanceId, name, payload);
            }
        }
    }

    public override Guid NewGuid()
    {
        CheckThread();
        return NameBasedGuid.Create($"{InstanceId}_{_now:o}_{_guidCount++}");
    }

    private async Task<TResult> ActivityAsync<TResult>(TaskName name, string data, TaskOptions? options)
    {
        var action = new Proto.ScheduleTaskAction
        {
            Name = name.Name,
            Version = options?.Version?.Version ?? Started.Version,
            Input = data,
            ParentTraceContext = Span?.Child() ?? Started.ParentTraceContext,
        };
        AddTags(action.Tags, options);
        string? result = await OpenAsync(name.Name, OpenTaskKind.Activity, new() { ScheduleTask = action });
        return worker.Converter.Deserialize<TResult>(result)!;
    }

    private async Task<TResult> ChildAsync<TResult>(TaskName name, string? data, TaskOptions? options)
    {
        var sub = options as SubOrchestrationOptions;
        var action = new Proto.CreateSubOrchestrationAction
        {
            Name = name.Name,
            InstanceId = sub?.InstanceId ?? NewGuid().ToString("N"),
            Version = options?.Version?.Version ?? worker.DefaultVersion,
            Input = data,
            ParentTraceContext = Span?.Child() ?? Started.ParentTraceContext,
        };
        AddTags(action.Tags, options);
        string? result = await OpenAsync(
            name.Name, OpenTaskKind.Child, new() { CreateSubOrchestration = action });
        return worker.Converter.Deserialize<TResult>(result)!;
    }

    private async Task TimerAsync(DateTime fireAt, CancellationToken cancellation)
    {
        int id = _nextId;
        Timestamp moment = Timestamp.FromDateTime(DateTime.SpecifyKind(fireAt, DateTimeKind.Utc));
        Task<string?> fired = OpenAsync(
            "timer",
            OpenTaskKind.Timer,
            new() { CreateTimer = new() { FireAt = moment } });
        // There is no way to take a timer back: it fires, and nobody listens.
        using CancellationTokenRegistration registration = cancellation.Register(() =>
        {
            if (_open.Remove(id, out OpenTask? open))
            {
                open.Source.TrySetCanceled(cancellation);
            }
        });
        await fired;
    }

    private Task<string?> OpenAsync(string name, OpenTaskKind kind, Proto.OrchestratorAction action)
    {
        var open = new OpenTask(name, kind, new TaskCompletionSource<string?>());
        _open.Add(AddAction(action), open);
        return open.Source.Task;
    }

    private void AddSendEvent(string target, string name, string? data) => AddAction(new()
    {
        SendEvent = new() { Instance = new() { InstanceId = target }, Name = name, Data = data },
    });

    private int AddAction(Proto.OrchestratorAction action)
    {
        action.Id = _nextId++;
        _pending.Add(action.Id, action);
        return action.Id;
    }

    private void CheckThread()
    {
        if (!scheduler.IsOnThread)
        {
            throw new InvalidOperationException(
                "An orchestration context was used outside the orchestrator's own thread. Orchestrators may await only "
                + "what their context gives them; put other asynchronous work into activities.");
        }
    }

    private static void AddTags(Google.Protobuf.Collections.MapField<string, string> tags, TaskOptions? options)
    {
        foreach ((string key, string value) in options?.Tags ?? new Dictionary<string, string>())
        {
            tags[key] = value;
        }
    }

    private enum OpenTaskKind
    {
        Activity,
        Child,
        Timer,
    }

    private sealed record OpenTask(string Name, OpenTaskKind Kind, TaskCompletionSource<string?> Source);
}
