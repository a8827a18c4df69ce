using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>Keeps the stage of a run, and holds the run for as long as it is suspended: ADR 0023.</summary>
/// <param name="context">The run's orchestration.</param>
/// <param name="spec">The run.</param>
/// <param name="part">Number of the run's part; null or 1 for the first.</param>
/// <param name="stopAt">Time at which the run is stopped; null for no limit.</param>
/// <param name="cancel">Ends with a cancellation.</param>
/// <param name="suspension">The requests to suspend the run.</param>
/// <param name="finish">The requests to end its training.</param>
internal sealed class RunHold(
    TaskOrchestrationContext context, RunSpec spec, int? part, DateTimeOffset? stopAt, Task cancel,
    SuspensionRequests suspension, FinishRequests finish)
{
    /// <summary>Gets or sets the stage that is shown after a suspension.</summary>
    public RunStage Stage { get; set; } = new(RunStageName.Pending, "");

    /// <summary>Gets the suspensions of this part until now.</summary>
    public int Suspensions { get; private set; }

    /// <summary>Shows a stage, now and after a suspension.</summary>
    /// <param name="stage">The stage.</param>
    public void Show(RunStage stage)
    {
        Stage = stage;
        context.SetCustomStatus(stage);
    }

    /// <summary>Shows that the run is suspended.</summary>
    /// <param name="detail">One line for people.</param>
    /// <param name="isHeld">true once no node costs any more.</param>
    /// <param name="since">The beginning; null for now.</param>
    public void ShowSuspended(string detail, bool isHeld, DateTimeOffset? since = null) =>
        context.SetCustomStatus(Stage with
        {
            Detail = detail,
            Suspension = new RunSuspension(since ?? context.CurrentUtcDateTime, suspension.Reason, isHeld),
        });

    /// <summary>
    /// Waits for as long as the run is suspended, without a TPU: the cloud proves first that every node is gone, as at
    /// the end of the run, because nobody watches the cost of a node without a job.
    /// </summary>
    /// <returns>How the run ended meanwhile, or null to continue.</returns>
    public async Task<StoryEnd?> WaitAsync()
    {
        var number = ++Suspensions;
        var since = context.CurrentUtcDateTime;
        await RecordAsync(isSuspended: true);
        ShowSuspended("suspending: giving back every node of the run", isHeld: false, since);
        await context.CallSubOrchestratorAsync(
            nameof(TeardownOrchestration), spec,
            context.ChildOptions(FineTuneOrchestration.ChildId(spec.RunId, RunStageName.Teardown, part, number)));
        ShowSuspended("suspended: the run has no node and costs nothing", isHeld: true, since);
        var end = await IsOverAsync() ? StoryEnd.Failed(TpuWorkOrchestration.TimeIsOver(spec, stopAt))
            : cancel.IsCompleted ? StoryEnd.Cancelled : null;
        await RecordAsync(isSuspended: false);
        context.SetCustomStatus(Stage);
        return end;

        Task RecordAsync(bool isSuspended) => context.RecordSuspensionAsync(
            new SuspensionChange(spec.RunId, number, isSuspended, suspension.Reason));
    }

    /// <summary>Waits until the run is suspended no more, or is cancelled, or its time is over.</summary>
    /// <returns>true if its time is over.</returns>
    private async Task<bool> IsOverAsync()
    {
        // An open timer would keep the orchestration from completing, so it is cancelled.
        using var stop = new CancellationTokenSource();
        var timer = stopAt is { } at ? context.CreateTimer(at.UtcDateTime, stop.Token) : null;
        while (!cancel.IsCompleted && timer is not { IsCompleted: true } && await suspension.IsAskedAsync())
        {
            await Task.WhenAny(suspension.Next, cancel, timer ?? cancel, finish.Next);
            await finish.TakeAsync();
        }

        var isOver = timer is { IsCompleted: true } && !cancel.IsCompleted;
        stop.Cancel();
        return isOver;
    }
}
