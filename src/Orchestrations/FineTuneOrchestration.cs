using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Runs the whole fine-tuning: plans, prepares the data, trains, evaluates, releases all nodes, reports. The last two
/// stages run however the others end.
/// </summary>
public sealed class FineTuneOrchestration : TaskOrchestrator<RunSpec, RunOutcome>
{
    /// <summary>The version with which new runs are started; earlier runs have none.</summary>
    public const string Version = "2";

    /// <inheritdoc />
    public override async Task<RunOutcome> RunAsync(TaskOrchestrationContext context, RunSpec input)
    {
        var story = new Story(context, input);
        var end = await story.TellAsync();
        var report = new ReportInput(input, story.Plan, story.Data, end.Status, end.Failure);

        // Not a C# finally: an await in one would also run while the orchestrator is being unloaded. Every possible end
        // of the story is returned here as a value instead, and no failure may prevent the teardown.
        await context.UnlessItFailsAsync(() => context.EnterStageAsync(
            input.RunId, RunStageName.Teardown, "giving back every node of the run"));

        // A deletion can take hours, so the verdict does not wait for it.
        await context.UnlessItFailsAsync(() => context.ReportAsync(report with { IsDraft = true }));
        await context.CallSubOrchestratorAsync(
            nameof(TeardownOrchestration), input, context.ChildOptions($"{input.RunId}:teardown"));

        await context.EnterStageAsync(input.RunId, RunStageName.Report, "writing the report");
        var outcome = await context.ReportAsync(report);
        await context.UnlessItFailsAsync(
            () => context.AnnounceAsync(new RunEnd(input.RunId, input.Name, outcome)));
        context.SetCustomStatus(new RunStage(RunStageName.Done, WireName.Of(outcome.Status)));
        return outcome;
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
                var planning = context.PlanAsync(spec);
                if (await IsCancelledBeforeAsync(planning))
                {
                    return StoryEnd.Cancelled;
                }

                Plan = await planning;

                // Done before anything is rented, since bad data must not cost money.
                await context.EnterStageAsync(spec.RunId, RunStageName.Prepare, "cleaning and splitting the corpus");
                var preparing = context.PrepareDataAsync(spec);
                if (await IsCancelledBeforeAsync(preparing))
                {
                    return StoryEnd.Cancelled;
                }

                Data = await preparing;

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

                ReleaseEarly();
                var scoring = context.ScoreAsync(spec, Data);
                if (await IsCancelledBeforeAsync(scoring))
                {
                    return StoryEnd.Cancelled;
                }

                await scoring;
                return StoryEnd.Succeeded;
            }
            catch (TaskFailedException exception)
            {
                return StoryEnd.Failed(RunFaultException.Read(Innermost(exception.FailureDetails)));
            }
        }

        /// <summary>
        /// Waits for work or for a cancellation, whichever comes first. Abandoned work stops by itself once the run has
        /// entered another stage, and its result is ignored.
        /// </summary>
        private async Task<bool> IsCancelledBeforeAsync(Task work) => await Task.WhenAny(work, _cancel) == _cancel;

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

            if (await IsCancelledBeforeAsync(work))
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

        /// <summary>
        /// Starts the release of the TPU, since scoring needs none. A deletion that fails is not waited for here, since
        /// the teardown retries it.
        /// </summary>
        private void ReleaseEarly()
        {
            if (_lease is not null)
            {
                _ = context.ReleaseNodeAsync(spec, _lease.NodeName);
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
