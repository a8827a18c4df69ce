using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// The first version of <see cref="FineTuneOrchestration"/>, for the runs that were started with it. It reports only
/// after the teardown, and a cancellation waits for the preparation of the data.
/// </summary>
internal sealed class FineTuneOrchestrationV1 : TaskOrchestrator<RunSpec, RunOutcome>
{
    /// <inheritdoc />
    public override async Task<RunOutcome> RunAsync(TaskOrchestrationContext context, RunSpec input)
    {
        var story = new Story(context, input);
        var end = await story.TellAsync();

        // Not a C# finally: an await in one would also run while the orchestrator is being unloaded. Every possible end
        // of the story is returned here as a value instead.
        await context.EnterStageAsync(input.RunId, RunStageName.Teardown, "giving back every node of the run");
        await context.CallSubOrchestratorAsync(
            nameof(TeardownOrchestration), input, context.ChildOptions($"{input.RunId}:teardown"));

        await context.EnterStageAsync(input.RunId, RunStageName.Report, "writing the report");
        var outcome = await context.ReportAsync(
            new ReportInput(input, story.Plan, story.Data, end.Status, end.Failure));
        await AnnounceAsync(context, new RunEnd(input.RunId, input.Name, outcome));
        context.SetCustomStatus(new RunStage(RunStageName.Done, WireName.Of(outcome.Status)));
        return outcome;
    }

    /// <summary>Announces the end. An announcer that fails does not change how the run ended.</summary>
    private static async Task AnnounceAsync(TaskOrchestrationContext context, RunEnd end)
    {
        try
        {
            await context.AnnounceAsync(end);
        }
        catch (TaskFailedException exception)
        {
            context.CreateReplaySafeLogger<FineTuneOrchestration>()
                .NotAnnounced(end.RunId, exception.FailureDetails.ErrorMessage);
        }
    }

    /// <summary>The end of the part of a run before its teardown.</summary>
    private sealed record StoryEnd(RunStatus Status, RunFailure? Failure = null)
    {
        public static StoryEnd Succeeded { get; } = new(RunStatus.Succeeded);

        public static StoryEnd Cancelled { get; } = new(RunStatus.Cancelled);

        public static StoryEnd Failed(RunFailure failure) => new(RunStatus.Failed, failure);
    }

    /// <summary>The part of a run that may fail or be cancelled at any point.</summary>
    private sealed class Story(TaskOrchestrationContext context, RunSpec spec)
    {
        private readonly Task<string> _cancel = context.WaitForExternalEvent<string>(RunEvents.Cancel);
        private TpuLease? _lease;
        private int _nextAttempt = 1;

        public RunPlan? Plan { get; private set; }

        public PreparedData? Data { get; private set; }

        public async Task<StoryEnd> TellAsync()
        {
            try
            {
                await context.EnterStageAsync(spec.RunId, RunStageName.Plan, "choosing zones and estimating the cost");
                Plan = await context.PlanAsync(spec);

                // Done before anything is rented, since bad data must not cost money.
                await context.EnterStageAsync(spec.RunId, RunStageName.Prepare, "cleaning and splitting the corpus");
                Data = await context.PrepareDataAsync(spec);

                await context.EnterStageAsync(spec.RunId, RunStageName.Train, "getting a TPU and fine-tuning on it");
                if (await WorkOnTpuAsync(JobKind.Train) is { } trainEnd)
                {
                    return trainEnd;
                }

                await context.EnterStageAsync(
                    spec.RunId, RunStageName.Evaluate, "translating the test set with both models");
                if (await WorkOnTpuAsync(JobKind.Translate) is { } translateEnd)
                {
                    return translateEnd;
                }

                await ReleaseEarlyAsync();
                await context.ScoreAsync(spec, Data);
                return StoryEnd.Succeeded;
            }
            catch (TaskFailedException exception)
            {
                return StoryEnd.Failed(RunFaultException.Read(Innermost(exception.FailureDetails)));
            }
        }

        /// <summary>Runs one job on a TPU. Returns how the run ended, or null to continue.</summary>
        private async Task<StoryEnd?> WorkOnTpuAsync(JobKind kind)
        {
            if (_cancel.IsCompleted)
            {
                return StoryEnd.Cancelled;
            }

            // These instance names are part of histories and never change.
            var stage = kind == JobKind.Train ? RunStageName.Train : RunStageName.Evaluate;
            var child = $"{spec.RunId}:{WireName.Of(stage)}";
            var work = context.CallSubOrchestratorAsync<TpuWorkResult>(
                nameof(TpuWorkOrchestration),
                new TpuWorkInput(kind, spec, Plan!, Data!, _lease, _nextAttempt),
                context.ChildOptions(child));

            if (await Task.WhenAny(work, _cancel) == _cancel)
            {
                // The child stops its worker and ends by itself; waiting for it prevents a race with the teardown.
                context.SendEvent(child, RunEvents.Cancel, await _cancel);
            }

            var result = await work;
            (_lease, _nextAttempt) = (result.Lease, result.NextAttempt);
            return result switch
            {
                { Cancelled: true } => StoryEnd.Cancelled,
                { Failure: { } failure } => StoryEnd.Failed(failure),
                _ => null,
            };
        }

        /// <summary>Releases the TPU before scoring, which needs none, to stop its cost.</summary>
        private async Task ReleaseEarlyAsync()
        {
            if (_lease is not null)
            {
                await context.ReleaseNodeAsync(spec, _lease.NodeName);
            }
        }

        private static TaskFailureDetails Innermost(TaskFailureDetails details)
        {
            while (details.InnerFailure is { } inner
                && details.ErrorType != typeof(RunFaultException).FullName)
            {
                details = inner;
            }

            return details;
        }
    }
}
