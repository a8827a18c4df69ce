using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Workflows.Capacity.Bench.Product;

/// <summary>
/// Runs orchestrators of one job in one thread: activities answer at once, and the clock moves to the next timer or
/// event when everything waits. Nothing is replayed.
/// </summary>
/// <param name="clock">The virtual clock.</param>
/// <param name="answer">Runs an activity, or a sub-orchestration by a context of its own.</param>
/// <param name="nextEvent">Returns the time of the next event for a name; null for none.</param>
internal sealed class InlineRunner(
    VirtualClock clock, Func<InlineContext, string, object?, Task<object?>> answer,
    Func<string, DateTimeOffset?> nextEvent)
{
    private readonly List<(DateTimeOffset At, TaskCompletionSource Source)> _timers = [];
    private readonly List<(string Name, TaskCompletionSource<object?> Source)> _waits = [];

    public VirtualClock Clock => clock;

    /// <summary>Runs a task to its end.</summary>
    /// <param name="work">Begins the task.</param>
    /// <param name="until">Time after which it is given up.</param>
    /// <returns>false if it was given up.</returns>
    public async Task<bool> RunAsync(Func<Task> work, DateTimeOffset until)
    {
        var running = work();
        while (!running.IsCompleted)
        {
            _timers.RemoveAll(timer => timer.Source.Task.IsCompleted);
            _waits.RemoveAll(wait => wait.Source.Task.IsCompleted);
            var timer = _timers.OrderBy(each => each.At).FirstOrDefault();
            var wait = _waits.Select(each => (At: nextEvent(each.Name), each.Source))
                .Where(each => each.At is not null).OrderBy(each => each.At).FirstOrDefault();
            if (timer.Source is null && wait.Source is null)
            {
                throw new InvalidOperationException("The orchestration waits for nothing that comes.");
            }

            if (clock.GetUtcNow() > until)
            {
                return false;
            }

            if (wait.Source is not null && (timer.Source is null || wait.At < timer.At))
            {
                clock.MoveTo(wait.At!.Value);
                wait.Source.TrySetResult("event");
            }
            else
            {
                clock.MoveTo(timer.At);
                timer.Source!.TrySetResult();
            }
        }

        await running;
        return true;
    }

    public async Task<T> AnswerAsync<T>(InlineContext context, string name, object? input) =>
        (T)(await answer(context, name, input))!;

    public Task TimerAsync(DateTimeOffset at, CancellationToken cancellation)
    {
        var source = new TaskCompletionSource();
        cancellation.Register(() => source.TrySetCanceled(cancellation));
        _timers.Add((at, source));
        return source.Task;
    }

    public Task<object?> EventAsync(string name, CancellationToken cancellation)
    {
        var source = new TaskCompletionSource<object?>();
        cancellation.Register(() => source.TrySetCanceled(cancellation));
        _waits.Add((name, source));
        return source.Task;
    }
}

/// <summary>The context of one orchestration.</summary>
/// <param name="runner">The runner.</param>
/// <param name="instance">Its instance id.</param>
internal sealed class InlineContext(InlineRunner runner, string instance) : TaskOrchestrationContext
{
    /// <summary>Gets the input of the next generation; null without one.</summary>
    public object? NextGeneration { get; private set; }

    public override TaskName Name => "simulated";

    public override string InstanceId => instance;

    public override ParentOrchestrationInstance? Parent => null;

    public override DateTime CurrentUtcDateTime => runner.Clock.GetUtcNow().UtcDateTime;

    public override bool IsReplaying => false;

    protected override ILoggerFactory LoggerFactory => NullLoggerFactory.Instance;

    /// <summary>Runs an orchestrator with all its generations.</summary>
    /// <typeparam name="TInput">Its input.</typeparam>
    /// <typeparam name="TOutput">Its result.</typeparam>
    /// <param name="runner">The runner.</param>
    /// <param name="instance">Its instance id.</param>
    /// <param name="create">Creates it.</param>
    /// <param name="input">The input of the first generation.</param>
    /// <returns>The result of the last generation.</returns>
    public static async Task<TOutput> RunAsync<TInput, TOutput>(
        InlineRunner runner, string instance, Func<TaskOrchestrator<TInput, TOutput>> create, TInput input)
    {
        while (true)
        {
            var context = new InlineContext(runner, instance);
            var result = await create().RunAsync(context, input);
            if (context.NextGeneration is not TInput next)
            {
                return result;
            }

            input = next;
        }
    }

    public override T? GetInput<T>()
        where T : default => throw new NotSupportedException("Inputs are arguments here.");

    public override Task<TResult> CallActivityAsync<TResult>(
        TaskName name, object? input = null, TaskOptions? options = null) =>
        runner.AnswerAsync<TResult>(this, name.Name, input);

    public override Task<TResult> CallSubOrchestratorAsync<TResult>(
        TaskName orchestratorName, object? input = null, TaskOptions? options = null) =>
        runner.AnswerAsync<TResult>(this, orchestratorName.Name, input);

    public override Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken) =>
        runner.TimerAsync(fireAt, cancellationToken);

    public override async Task<T> WaitForExternalEvent<T>(
        string eventName, CancellationToken cancellationToken = default) =>
        (T)(await runner.EventAsync(eventName, cancellationToken))!;

    public override void SendEvent(string instanceId, string eventName, object payload) =>
        throw new NotSupportedException("Nobody cancels a simulated job.");

    public override void SetCustomStatus(object? customStatus)
    {
    }

    public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true) =>
        NextGeneration = newInput;

    public override Guid NewGuid() => Guid.NewGuid();
}
