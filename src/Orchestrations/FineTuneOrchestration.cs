using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Runs the whole fine-tuning: plans, prepares the data, trains, evaluates, releases all nodes, reports. The last two
/// stages run however the others end. A run that is resumed skips the work that is done: ADR 0015.
/// </summary>
public sealed class FineTuneOrchestration : TaskOrchestrator<RunSpec, RunOutcome>
{
    /// <summary>The version with which new runs are started; earlier runs have none.</summary>
    public const string Version = "2";

    /// <inheritdoc />
    public override async Task<RunOutcome> RunAsync(TaskOrchestrationContext context, RunSpec input)
    {
        var (resumption, handed) = (input.Resumption, input.Handed);

        // Only the first activities need them, and the others carry their input in the history.
        input = input with { Resumption = null, Handed = null };
        var story = new Story(context, input, resumption, handed);
        var end = await story.TellAsync();
        await story.TakeEventsAsync();
        var report = new ReportInput(input, story.Plan, story.Data, end.Status, end.Failure);

        // Not a C# finally: an await in one would also run while the orchestrator is being unloaded. Every possible end
        // of the story is returned here as a value instead, and no failure may prevent the teardown.
        await context.UnlessItFailsAsync(() => context.EnterStageAsync(
            input.RunId, RunStageName.Teardown, "giving back every node of the run"));

        // A deletion can take hours, so the verdict does not wait for it.
        await context.UnlessItFailsAsync(() => context.ReportAsync(report with { IsDraft = true }));
        await context.CallSubOrchestratorAsync(
            nameof(TeardownOrchestration), input,
            context.ChildOptions(ChildId(input.RunId, RunStageName.Teardown, resumption?.Part)));

        await context.EnterStageAsync(input.RunId, RunStageName.Report, "writing the report");
        var outcome = await context.ReportAsync(report);
        await context.UnlessItFailsAsync(
            () => context.AnnounceAsync(new RunEnd(input.RunId, input.Name, outcome) { Part = resumption?.Part }));
        context.SetCustomStatus(new RunStage(RunStageName.Done, WireName.Of(outcome.Status)));
        return outcome;
    }

    /// <summary>Returns the instance id of a stage's child.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="stage">Train, evaluate or teardown.</param>
    /// <param name="part">Number of the run's part; null or 1 for the first.</param>
    /// <returns>The id. It is part of histories and never changes.</returns>
    public static string ChildId(RunId runId, RunStageName stage, int? part) =>
        part is > 1 ? $"{runId}:{WireName.Of(stage)}-{part}" : $"{runId}:{WireName.Of(stage)}";

    /// <summary>Returns the instance id of a stage's child after suspensions, which begin the stage again.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="stage">Train, evaluate or teardown.</param>
    /// <param name="part">Number of the run's part; null or 1 for the first.</param>
    /// <param name="suspensions">The suspensions of the part until then; 0 for none.</param>
    /// <returns>The id. It is part of histories and never changes.</returns>
    internal static string ChildId(RunId runId, RunStageName stage, int? part, int suspensions) =>
        suspensions > 0 ? $"{ChildId(runId, stage, part)}-s{suspensions}" : ChildId(runId, stage, part);

    /// <summary>Returns the time at which the run is stopped: that of its hours or of its deadline.</summary>
    internal static DateTimeOffset? StopAt(RunSpec spec, DateTimeOffset now)
    {
        DateTimeOffset? byHours = spec.MaxHours is { } hours ? now.AddHours(hours) : null;
        return spec is { StopsAtDeadline: true, Deadline: { } deadline } && !(byHours < deadline)
            ? deadline : byHours;
    }

    /// <summary>Returns the failure that a chain of failures of children began with.</summary>
    /// <param name="details">The failure of a child or of an activity.</param>
    /// <returns>The first fault of a run in the chain, or the innermost failure.</returns>
    internal static TaskFailureDetails Innermost(TaskFailureDetails details)
    {
        while (details.InnerFailure is { } inner && details.ErrorType != typeof(RunFaultException).FullName)
        {
            details = inner;
        }

        return details;
    }

    /// <summary>The part of a run that may fail or be cancelled at any point.</summary>
    private sealed class Story(
        TaskOrchestrationContext context, RunSpec spec, RunResumption? resumption, HandedNode? handed)
    {
        private readonly Task<string> _cancel = context.WaitForExternalEvent<string>(RunEvents.Cancel);
        private readonly SuspensionRequests _suspension = new(context);
        private readonly FinishRequests _finish = new(context, spec.RunId);
        private readonly DateTimeOffset? _stopAt = StopAt(spec, context.CurrentUtcDateTime);

        private RunHold? _hold;
        private TpuLease? _lease;
        private double? _mostIdleSeconds;
        private bool _isSwitched;
        private ResumeState _done = ResumeState.Nothing;
        private int _nextAttempt = 1;

        public RunPlan? Plan { get; private set; }

        public PreparedData? Data { get; private set; }

        /// <summary>Gets the times without a TPU.</summary>
        private RunHold Hold => _hold ??= new RunHold(
            context, spec, resumption?.Part, _stopAt, _cancel, _suspension, _finish);

        /// <summary>Carries out the events that have arrived and that no stage has read.</summary>
        public Task TakeEventsAsync() => _finish.TakeAsync();

        public async Task<StoryEnd> TellAsync()
        {
            try
            {
                if ((resumption is not null && await IsCancelledWhileResumingAsync(resumption))
                    || ((resumption is null ? spec.Origin?.From is not null : _done.MustTakeOver)
                        && await IsCancelledWhileTakingOverAsync()))
                {
                    return StoryEnd.Cancelled;
                }

                if ((await EndBeforeAsync(RunStageName.Plan, "choosing zones and estimating the cost")
                    ?? await PlanAsync()) is { } planEnd)
                {
                    return planEnd;
                }

                if (handed is not null)
                {
                    (_lease, _mostIdleSeconds) = await NodeHandover.AcceptAsync(
                        context, new AcceptInput(spec, Plan!, handed), isNeeded: !_done.IsTranslated);
                }

                if (_done.Data is null)
                {
                    // Done before anything is rented, since bad data must not cost money.
                    if (await EndBeforeAsync(RunStageName.Prepare, "cleaning and splitting the corpus") is { } dataEnd)
                    {
                        return dataEnd;
                    }

                    var preparing = context.PrepareDataAsync(spec);
                    _lease = await NodeHandover.KeepWhileAsync(
                        context, spec, _lease, _mostIdleSeconds, Task.WhenAny(preparing, _cancel));
                    if (await IsCancelledBeforeAsync(preparing))
                    {
                        return StoryEnd.Cancelled;
                    }

                    Data = await preparing;
                }

                if (!_done.IsTranslated && await EndAtGateAsync() is { } gateEnd)
                {
                    return gateEnd;
                }

                if (!_done.IsTrained && (await EndBeforeAsync(
                    RunStageName.Train, "getting a TPU and fine-tuning on it") ?? await WorkOnTpuAsync(JobKind.Train))
                    is { } trainEnd)
                {
                    return trainEnd;
                }

                if (await EndBeforeAsync(RunStageName.Evaluate, "translating the test set with both models")
                    is { } evaluateEnd)
                {
                    return evaluateEnd;
                }

                if (!_done.IsTranslated && await WorkOnTpuAsync(JobKind.Translate) is { } translateEnd)
                {
                    return translateEnd;
                }

                var isOffered = await NodeHandover.IsOfferedAsync(context, spec, _lease);
                var scoring = context.ScoreAsync(spec, Data!);
                if (await IsCancelledBeforeAsync(scoring))
                {
                    return StoryEnd.Cancelled;
                }

                await scoring;
                if (isOffered)
                {
                    await NodeHandover.DecidedAsync(context, _cancel);
                }

                return StoryEnd.Succeeded;
            }
            catch (TaskFailedException exception)
            {
                return StoryEnd.Failed(RunFaultException.Read(Innermost(exception.FailureDetails)));
            }
        }

        /// <summary>Finds the work that is done, and starts the release of nodes that may still exist.</summary>
        /// <returns>true if the run was cancelled meanwhile.</returns>
        private async Task<bool> IsCancelledWhileResumingAsync(RunResumption part)
        {
            context.SetCustomStatus(new RunStage(RunStageName.Plan, "looking for the work that is done"));
            var looking = context.ResumeAsync(spec with { Resumption = part });
            if (await IsCancelledBeforeAsync(looking))
            {
                return true;
            }

            _done = await looking;
            (Data, _nextAttempt) = (_done.Data, _done.NextAttempt);
            foreach (var node in _done.Left.Where(node => node != handed?.Lease.NodeName))
            {
                // Not the node that it was handed for this part. As in an early release: a deletion that fails is not
                // waited for, since the teardown retries it.
                _ = context.ReleaseNodeAsync(spec, node);
            }

            return false;
        }

        /// <summary>Takes over the finished work of another run.</summary>
        /// <returns>true if the run was cancelled meanwhile.</returns>
        private async Task<bool> IsCancelledWhileTakingOverAsync()
        {
            context.SetCustomStatus(new RunStage(RunStageName.Plan, "taking over the work of another run"));
            var taking = context.TakeOverAsync(spec);
            if (await IsCancelledBeforeAsync(taking))
            {
                return true;
            }

            _done = await taking;
            Data = _done.Data;
            return false;
        }

        /// <summary>
        /// Waits for work or for a cancellation, whichever comes first. Abandoned work stops by itself once the run has
        /// entered another stage, and its result is ignored.
        /// </summary>
        private async Task<bool> IsCancelledBeforeAsync(Task work) => await Task.WhenAny(work, _cancel) == _cancel;

        /// <summary>
        /// Begins a stage, once the run is not suspended any more. Returns how the run ended meanwhile, or null.
        /// </summary>
        private async Task<StoryEnd?> EndBeforeAsync(RunStageName stage, string detail)
        {
            if (await HoldAsync() is { } end)
            {
                return end;
            }

            Hold.Stage = new RunStage(stage, detail);
            await context.EnterStageAsync(spec.RunId, stage, detail);
            return null;
        }

        /// <summary>
        /// Waits for a person's approval, if the request asks for one. Returns how the run ended meanwhile, or null.
        /// </summary>
        private async Task<StoryEnd?> EndAtGateAsync()
        {
            if (await ApprovalGate.AskAsync(
                context, spec, _stopAt, Plan?.EstimatedUsd, Plan?.EstimatedSeconds) is not { } gate)
            {
                return null;
            }

            if (await EndBeforeAsync(RunStageName.Approve, gate.Detail) is { } end)
            {
                return end;
            }

            Hold.Show(gate.Stage);
            while (!await gate.IsOverAsync(_cancel, _suspension.Next))
            {
                // A suspension takes effect at once, and the time of the approval goes on.
                if ((_cancel.IsCompleted ? StoryEnd.Cancelled : await HoldAsync()) is { } held)
                {
                    return held;
                }
            }

            if (!gate.PlansAnew)
            {
                return gate.Failure is { } failure ? StoryEnd.Failed(failure) : null;
            }

            // Nothing is rented yet, so a deadline that cannot be kept any more, or a price over the budget, ends it.
            Hold.Show(new RunStage(RunStageName.Approve, "approved; planning with the prices and capacity of now"));
            return await PlanAsync();
        }

        /// <summary>Makes the plan. Returns how the run ended meanwhile, or null.</summary>
        private async Task<StoryEnd?> PlanAsync()
        {
            var planning = context.PlanAsync(spec);
            if (await IsCancelledBeforeAsync(planning))
            {
                return StoryEnd.Cancelled;
            }

            Plan = await planning;
            return null;
        }

        /// <summary>Waits for as long as the run is suspended, and gives back its nodes first.</summary>
        /// <param name="isStopped">true if a job was stopped, whose worker cannot continue it.</param>
        /// <returns>How the run ended meanwhile, or null to continue.</returns>
        private async Task<StoryEnd?> HoldAsync(bool isStopped = false)
        {
            if (!await _suspension.IsAskedAsync() && !isStopped)
            {
                return null;
            }

            var end = await Hold.WaitAsync();
            _lease = null;
            return end;
        }

        /// <summary>Runs one job on a TPU. Returns how the run ended, or null to continue.</summary>
        private async Task<StoryEnd?> WorkOnTpuAsync(JobKind kind)
        {
            while (true)
            {
                if (_cancel.IsCompleted)
                {
                    return StoryEnd.Cancelled;
                }

                var (result, isSuspended) = await WorkOnceAsync(kind);
                (_lease, _nextAttempt, _isSwitched) = (result.Lease, result.NextAttempt, result.IsSwitched);
                if (result.Failure is { } failure && !result.Cancelled)
                {
                    return StoryEnd.Failed(failure);
                }

                if (!result.Cancelled)
                {
                    return null;
                }

                // A suspension stops the job in the same way as a cancellation, and the job is done again afterwards.
                if (_cancel.IsCompleted || !isSuspended)
                {
                    return StoryEnd.Cancelled;
                }

                if (await HoldAsync(isStopped: true) is { } end)
                {
                    return end;
                }
            }
        }

        /// <summary>Runs one job on a TPU until its end, or until a cancellation or a suspension has stopped
        /// it.</summary>
        /// <returns>The end of the job, and whether a suspension asked it to stop.</returns>
        private async Task<(TpuWorkResult Result, bool IsSuspended)> WorkOnceAsync(JobKind kind)
        {
            var isSuspended = false;
            var stage = kind == JobKind.Train ? RunStageName.Train : RunStageName.Evaluate;
            var child = ChildId(spec.RunId, stage, resumption?.Part, Hold.Suspensions);
            var work = context.CallSubOrchestratorAsync<TpuWorkResult>(
                nameof(TpuWorkOrchestration),
                new TpuWorkInput(kind, spec, Plan!, Data!, _lease, _nextAttempt)
                {
                    StopAt = _stopAt,
                    IsSwitched = _isSwitched,
                },
                context.ChildOptions(child));

            while (!work.IsCompleted && !_cancel.IsCompleted && !await _suspension.IsAskedAsync())
            {
                await Task.WhenAny(work, _cancel, _suspension.Next, _finish.Next);
                await _finish.TakeAsync();
            }

            // The child stops its worker and ends by itself; waiting for it prevents a race with the teardown.
            if (!work.IsCompleted && _cancel.IsCompleted)
            {
                context.SendEvent(child, RunEvents.Cancel, await _cancel);
            }
            else if (!work.IsCompleted)
            {
                isSuspended = true;
                Hold.ShowSuspended("suspending: stopping the worker", isHeld: false);
                context.SendEvent(child, RunEvents.Cancel, "the run is suspended");
            }

            var result = await work;
            if (isSuspended && !result.Cancelled)
            {
                // Done before it was stopped: the next stage is not begun, and the scores need no node.
                Hold.Show(Hold.Stage);
            }

            return (result, isSuspended);
        }
    }
}
