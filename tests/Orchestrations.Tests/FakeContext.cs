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
    private DateTime _now = new(2026, 11, 24, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>Gets the activities called, with their input.</summary>
    public List<(string Name, object? Input)> Calls { get; } = [];

    /// <summary>Gets or sets what activities and sub-orchestrations answer.</summary>
    public Func<string, object?, object?> Answer { get; set; } = (_, _) => true;

    /// <summary>Gets the input of the next generation.</summary>
    public object? NextGeneration { get; private set; }

    /// <summary>Gets the events sent to others.</summary>
    public List<(string Instance, string Event)> Sent { get; } = [];

    public override TaskName Name => "test";

    public override string InstanceId => "run:train";

    public override ParentOrchestrationInstance? Parent => null;

    public override DateTime CurrentUtcDateTime => _now;

    public override bool IsReplaying => false;

    protected override ILoggerFactory LoggerFactory => NullLoggerFactory.Instance;

    public void Raise(string name, object payload) => Waiter(name).TrySetResult(payload);

    public override T? GetInput<T>()
        where T : default => throw new InvalidOperationException("Inputs are arguments here.");

    public override Task<TResult> CallActivityAsync<TResult>(
        TaskName name, object? input = null, TaskOptions? options = null)
    {
        Calls.Add((name.Name, input));
        return Task.FromResult((TResult)Answer(name.Name, input)!);
    }

    public override Task<TResult> CallSubOrchestratorAsync<TResult>(
        TaskName orchestratorName, object? input = null, TaskOptions? options = null)
    {
        Calls.Add((orchestratorName.Name, input));
        return Answer(orchestratorName.Name, input) is Task<TResult> later
            ? later
            : Task.FromResult((TResult)Answer(orchestratorName.Name, input)!);
    }

    public override Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken)
    {
        // A wait for something that has happened already takes no time.
        if (_events.Values.Any(waiter => waiter.Task.IsCompleted))
        {
            return Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }

        _now = fireAt > _now ? fireAt : _now;
        return Task.CompletedTask;
    }

    public override async Task<T> WaitForExternalEvent<T>(
        string eventName, CancellationToken cancellationToken = default) =>
        (T)(await Waiter(eventName).Task.WaitAsync(cancellationToken))!;

    public override void SendEvent(string instanceId, string eventName, object payload) =>
        Sent.Add((instanceId, eventName));

    public override void SetCustomStatus(object? customStatus)
    {
    }

    public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true) =>
        NextGeneration = newInput;

    public override Guid NewGuid() => Guid.Empty;

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
