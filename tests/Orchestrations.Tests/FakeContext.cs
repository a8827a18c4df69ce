using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Workflows.Orchestrations.Tests;

/// <summary>
/// An orchestration's world in one thread: activities answer at once, timers move the clock, events wait until a test
/// raises them.
/// </summary>
internal sealed class FakeContext : TaskOrchestrationContext
{
    private readonly Dictionary<string, TaskCompletionSource<object?>> _events = new(StringComparer.Ordinal);
    private readonly Queue<(string Name, object Payload)> _early = new();
    private DateTime _now = new(2026, 11, 24, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>Gets the activities called, with their input.</summary>
    public List<(string Name, object? Input)> Calls { get; } = [];

    /// <summary>Gets the options of each call, in the same order.</summary>
    public List<TaskOptions?> Options { get; } = [];

    /// <summary>Gets the custom statuses in the order in which they were set.</summary>
    public List<object?> Statuses { get; } = [];

    /// <summary>Gets or sets what activities and sub-orchestrations answer.</summary>
    public Func<string, object?, object?> Answer { get; set; } = (_, _) => true;

    /// <summary>Gets or sets a value indicating whether timers move the clock and end at once; otherwise none
    /// ends.</summary>
    public bool TimersEnd { get; set; } = true;

    /// <summary>Gets the input of the next generation.</summary>
    public object? NextGeneration { get; private set; }

    /// <summary>Gets the events sent to others.</summary>
    public List<(string Instance, string Event)> Sent { get; } = [];

    public override TaskName Name => "test";

    public override string InstanceId { get; } = "run:train";

    public override ParentOrchestrationInstance? Parent => null;

    public override DateTime CurrentUtcDateTime => _now;

    public override bool IsReplaying => false;

    protected override ILoggerFactory LoggerFactory => NullLoggerFactory.Instance;

    public void Raise(string name, object payload) => Waiter(name).TrySetResult(payload);

    /// <summary>Raises an event for one wait: the one that is open, or the next one.</summary>
    public void RaiseOnce(string name, object payload)
    {
        if (_events.Remove(name, out var waiter))
        {
            waiter.SetResult(payload);
        }
        else
        {
            _early.Enqueue((name, payload));
        }
    }

    public override T? GetInput<T>()
        where T : default => throw new InvalidOperationException("Inputs are arguments here.");

    public override Task<TResult> CallActivityAsync<TResult>(
        TaskName name, object? input = null, TaskOptions? options = null)
    {
        return AnswerAsync<TResult>(name.Name, input, options);
    }

    public override Task<TResult> CallSubOrchestratorAsync<TResult>(
        TaskName orchestratorName, object? input = null, TaskOptions? options = null)
    {
        return AnswerAsync<TResult>(orchestratorName.Name, input, options);
    }

    public override Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken)
    {
        // A wait for something that has happened already takes no time.
        if (!TimersEnd || _events.Values.Any(waiter => waiter.Task.IsCompleted))
        {
            return Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }

        _now = fireAt > _now ? fireAt : _now;
        return Task.CompletedTask;
    }

    public override async Task<T> WaitForExternalEvent<T>(
        string eventName, CancellationToken cancellationToken = default) =>
        _early.TryPeek(out var early) && early.Name == eventName
            ? (T)_early.Dequeue().Payload
            : (T)(await Waiter(eventName).Task.WaitAsync(cancellationToken))!;

    public override void SendEvent(string instanceId, string eventName, object payload) =>
        Sent.Add((instanceId, eventName));

    public override void SetCustomStatus(object? customStatus) => Statuses.Add(customStatus);

    public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true) =>
        NextGeneration = newInput;

    public override Guid NewGuid() => Guid.Empty;

    private async Task<TResult> AnswerAsync<TResult>(string name, object? input, TaskOptions? options)
    {
        Calls.Add((name, input));
        Options.Add(options);
        var answer = Answer(name, input);
        return answer is Task<TResult> later ? await later : (TResult)answer!;
    }

    private TaskCompletionSource<object?> Waiter(string name)
    {
        if (!_events.TryGetValue(name, out var waiter))
        {
            waiter = new TaskCompletionSource<object?>();
            _events.Add(name, waiter);
        }

        return waiter;
    }
}
