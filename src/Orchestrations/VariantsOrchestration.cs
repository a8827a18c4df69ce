using System.Globalization;
using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Runs the variants of a request, each as a run of its own, at most some of them at once, under one budget; then
/// compares them. A group that is resumed takes up the variants without a verdict: ADR 0024.
/// </summary>
public sealed class VariantsOrchestration : TaskOrchestrator<RunSpec, RunOutcome>
{
    /// <inheritdoc />
    public override async Task<RunOutcome> RunAsync(TaskOrchestrationContext context, RunSpec input)
    {
        var group = new Group(context, input);
        var (status, failure) = await group.RunAsync();

        // Each variant that had begun has ended, with its teardown, whatever the end of the group is.
        await context.EnterStageAsync(input.RunId, RunStageName.Report, "comparing the variants");
        var outcome = await context.CompareVariantsAsync(new CompareInput(input.RunId, status, failure));
        await context.UnlessItFailsAsync(() => context.AnnounceAsync(
            new RunEnd(input.RunId, input.Name, outcome) { Part = input.Resumption?.Part }));
        context.SetCustomStatus(new RunStage(RunStageName.Done, WireName.Of(outcome.Status)));
        return outcome;
    }

    /// <summary>A variant that is under way.</summary>
    private sealed record Running(RunVariant Variant, Task<RunOutcome> Run)
    {
        /// <summary>Gets or sets a value indicating whether it has handed on its node, and needs no other
        /// one.</summary>
        public bool HasGiven { get; set; }
    }

    private sealed class Group(TaskOrchestrationContext context, RunSpec spec)
    {
        private readonly Task<string> _cancel = context.WaitForExternalEvent<string>(RunEvents.Cancel);
        private readonly DateTimeOffset? _stopAt = FineTuneOrchestration.StopAt(spec, context.CurrentUtcDateTime);
        private readonly List<Running> _running = [];
        private readonly List<VariantEnd> _ends = [];
        private readonly Queue<(RunVariant Variant, RunResumption? Resumption)> _waiting = new();

        /// <summary>The reason why no further variant begins; null while there is none.</summary>
        private RunFailure? _stop;
        private bool _isPassedOn;
        private Task<HandedNode> _offer = context.WaitForExternalEvent<HandedNode>(RunEvents.NodeOffered);

        /// <summary>Gets the variants that may hold a TPU.</summary>
        private int Holders => _running.Count(each => !each.HasGiven);

        public async Task<(RunStatus Status, RunFailure? Failure)> RunAsync()
        {
            try
            {
                context.SetCustomStatus(new RunStage(RunStageName.Plan, "looking for the variants that are done"));
                var state = await context.OpenVariantsAsync(spec);
                await context.EnterStageAsync(
                    spec.RunId, RunStageName.Plan, "estimating the cost of all variants together");
                var planning = context.PlanVariantsAsync(spec);
                if (!await IsDoneAsync(planning))
                {
                    return (RunStatus.Cancelled, null);
                }

                // 0 for a group that is not estimated.
                double? usd = await planning is > 0 and var sum ? sum : null;

                if (!state.IsPrepared)
                {
                    await context.EnterStageAsync(
                        spec.RunId, RunStageName.Prepare, "cleaning and splitting the corpus of all variants");
                    if (!await IsDoneAsync(context.PrepareDataAsync(spec with { Variants = [], Resumption = null })))
                    {
                        return (RunStatus.Cancelled, null);
                    }
                }

                if (state.Variants.Any(each => each.Outcome is null)
                    && await ApprovalGate.AskAsync(context, spec, _stopAt, usd, null) is { } gate
                    && !await IsApprovedAsync(gate))
                {
                    return (gate.Failure is null ? RunStatus.Cancelled : RunStatus.Failed, gate.Failure);
                }

                await context.EnterStageAsync(spec.RunId, RunStageName.Train, string.Create(
                    CultureInfo.InvariantCulture,
                    $"running {spec.Variants!.Count} variants, at most {spec.Concurrency} at once"));
                await RunVariantsAsync(state);
                return FailureOf() is not { } failure ? (RunStatus.Succeeded, null)
                    : _cancel.IsCompleted ? (RunStatus.Cancelled, null) : (RunStatus.Failed, failure);
            }
            catch (TaskFailedException exception)
            {
                return (RunStatus.Failed, RunFaultException.Read(
                    FineTuneOrchestration.Innermost(exception.FailureDetails)));
            }
        }

        /// <summary>Waits for one approval of all variants together.</summary>
        /// <returns>false if there is none, or the group was cancelled.</returns>
        private async Task<bool> IsApprovedAsync(ApprovalGate gate)
        {
            await context.EnterStageAsync(spec.RunId, RunStageName.Approve, gate.Detail);
            context.SetCustomStatus(gate.Stage);
            return await gate.IsOverAsync(_cancel) && gate.Failure is null;
        }

        /// <summary>Waits for work on this machine or for a cancellation.</summary>
        /// <returns>false if the group was cancelled first; the work stops by itself.</returns>
        private async Task<bool> IsDoneAsync(Task work)
        {
            if (await Task.WhenAny(work, _cancel) == _cancel)
            {
                return false;
            }

            await work;
            return true;
        }

        private async Task RunVariantsAsync(VariantsState state)
        {
            foreach (var (variant, known) in spec.Variants!.Zip(state.Variants))
            {
                if (known.Outcome is { } outcome)
                {
                    _ends.Add(new VariantEnd(variant.Spec.RunId, variant.Name, outcome.Status, null));
                }
                else
                {
                    _waiting.Enqueue((variant, known.Resumption));
                }
            }

            while (true)
            {
                while (_stop is null && !_cancel.IsCompleted && Holders < spec.Concurrency && _waiting.Count > 0)
                {
                    await BeginAsync(_waiting.Peek().Variant, _waiting.Peek().Resumption, null);
                }

                if (_running.Count == 0)
                {
                    return;
                }

                Show();
                var ended = Task.WhenAny(_running.Select(each => each.Run));
                if (_isPassedOn)
                {
                    await ended;
                }
                else
                {
                    await Task.WhenAny(ended, _cancel, _offer);
                }

                if (_cancel.IsCompleted)
                {
                    StopOthers(await _cancel);
                }

                await TakeOffersAsync();
                foreach (var each in _running.Where(each => each.Run.IsCompleted).ToList())
                {
                    _running.Remove(each);
                    await EndAsync(each);
                }
            }
        }

        /// <summary>Begins the next variant, unless the money or the time of the group is over.</summary>
        /// <returns>false if it does not begin, or not with the node that it was to get.</returns>
        private async Task<bool> BeginAsync(RunVariant variant, RunResumption? resumption, HandedNode? handed)
        {
            var left = _stopAt - context.CurrentUtcDateTime;
            if (left <= TimeSpan.Zero)
            {
                _stop = TpuWorkOrchestration.TimeIsOver(spec, _stopAt);
                return false;
            }

            var run = variant.Spec with
            {
                MaxHours = spec.MaxHours is null ? null : left?.TotalHours,
                Resumption = resumption,
                Handed = handed,
            };
            try
            {
                _stop = await context.BeginVariantAsync(new VariantStart(spec.RunId, run));
            }
            catch (TaskFailedException exception)
            {
                // The group waits for the variants under way: its end is the end of all that it may pay for.
                _stop = RunFaultException.Read(FineTuneOrchestration.Innermost(exception.FailureDetails));
                StopOthers(_stop.Message);
            }

            // Begun first: no node passes to a variant that does not begin.
            if (_stop is not null || (handed is not null && !await IsHandedAsync(handed, run.RunId)))
            {
                return false;
            }

            _waiting.Dequeue();
            _running.Add(new Running(variant, context.CallSubOrchestratorAsync<RunOutcome>(
                nameof(FineTuneOrchestration), run, context.ChildOptions(run.RunId.Value))));
            return true;
        }

        /// <summary>Hands the nodes that were offered to the next variants, which begin with them.</summary>
        private async Task TakeOffersAsync()
        {
            while (_offer.IsCompleted)
            {
                var handed = await _offer;
                _offer = context.WaitForExternalEvent<HandedNode>(RunEvents.NodeOffered);

                // A variant that has ended has released its node itself.
                if (_running.Find(each => each.Variant.Spec.RunId == handed.From) is
                    { HasGiven: false, Run.IsCompleted: false } giver)
                {
                    await PassOnAsync(giver, handed);
                }
            }
        }

        private async Task PassOnAsync(Running giver, HandedNode handed)
        {
            if (_stop is null && !_cancel.IsCompleted && _waiting.TryPeek(out var next)
                && await BeginAsync(next.Variant, next.Resumption, handed))
            {
                giver.HasGiven = true;
            }
            else
            {
                // Nobody can use it: it costs no longer than that takes. If the release fails, the variant's teardown
                // retries it.
                _ = context.ReleaseNodeAsync(giver.Variant.Spec, handed.Lease.NodeName);
            }

            context.SendEvent(handed.From.Value, RunEvents.NodeDecided, $"{handed.Lease.NodeName}");
        }

        /// <summary>Decides that a variant that begins gets a node.</summary>
        /// <returns>false if the node is being released, so that the variant must wait for a place.</returns>
        private async Task<bool> IsHandedAsync(HandedNode handed, RunId to)
        {
            try
            {
                return await context.HandNodeAsync(new HandInput(handed, to));
            }
            catch (TaskFailedException)
            {
                // It may have been decided before it failed: the variant finds out, and completes it.
                return true;
            }
        }

        private async Task EndAsync(Running ended)
        {
            var variant = ended.Variant;
            VariantEnd end;
            try
            {
                var outcome = await ended.Run;
                end = new VariantEnd(variant.Spec.RunId, variant.Name, outcome.Status, outcome.Failure);
            }
            catch (TaskFailedException exception)
            {
                end = new VariantEnd(
                    variant.Spec.RunId, variant.Name, RunStatus.Failed,
                    RunFaultException.Read(FineTuneOrchestration.Innermost(exception.FailureDetails)));
            }

            _ends.Add(end);

            // The draft of the comparison and a line for those who watch; the variant's own ledger has its end.
            await context.UnlessItFailsAsync(() => context.EndVariantAsync(new EndVariantInput(spec.RunId, end)));
            if (spec.StopOnFailure && end.Status != RunStatus.Succeeded && _stop is null && !_cancel.IsCompleted)
            {
                _stop = new RunFailure(
                    "VARIANTS_INCOMPLETE",
                    $"Variant '{variant.Name}' has no verdict ({Why(end)}), and stopOnFailure stopped the others.",
                    "Mend the reason, which the variant's report has, and resume the run: variants with a verdict "
                    + "stay.");
                StopOthers(_stop.Message);
            }
        }

        /// <summary>Cancels the variants that are under way, once; each gives back its nodes before it ends.</summary>
        private void StopOthers(string reason)
        {
            foreach (var each in _isPassedOn ? [] : _running)
            {
                context.SendEvent(each.Variant.Spec.RunId.Value, RunEvents.Cancel, reason);
            }

            _isPassedOn = true;
        }

        private void Show()
        {
            var under = string.Join(", ", _running.Select(each => each.Variant.Name));
            context.SetCustomStatus(new RunStage(RunStageName.Train, string.Create(
                CultureInfo.InvariantCulture,
                $"{_ends.Count} of {spec.Variants!.Count} variants done; under way: {under}")));
        }

        /// <summary>Returns the reason why the group did not succeed; null if each variant has its verdict.</summary>
        private RunFailure? FailureOf()
        {
            var without = spec.Variants!.Select(variant => (
                    variant.Name, End: _ends.LastOrDefault(end => end.RunId == variant.Spec.RunId)))
                .Where(each => each.End?.Status != RunStatus.Succeeded)
                .Select(each => $"{each.Name} ({(each.End is null ? "not begun" : Why(each.End))})").ToList();
            if (without.Count == 0)
            {
                return null;
            }

            // Money and time are the whole group's, so one variant that lacks them tells why the others do.
            var cause = _stop ?? _ends.Select(end => end.Failure).FirstOrDefault(failure => failure?.Code is
                "BUDGET_EXHAUSTED" or "BUDGET_BELOW_ESTIMATE" or "TIME_EXHAUSTED" or "DEADLINE_MISSED"
                or "DEADLINE_INFEASIBLE");
            var message = string.Create(
                CultureInfo.InvariantCulture,
                $"{without.Count} of {spec.Variants!.Count} variants have no verdict: {string.Join(", ", without)}.");
            return cause is null
                ? new RunFailure(
                    "VARIANTS_INCOMPLETE", message,
                    "Look at their reports, and resume the run: variants with a verdict stay.")
                : cause with { Message = $"{cause.Message} {message}" };
        }

        private static string Why(VariantEnd end) => end.Failure?.Code ?? WireName.Of(end.Status);
    }
}
