using System.Collections.Concurrent;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>A run whose activities answer by a script. The defaults let it succeed.</summary>
/// <param name="name">Its name, and the run's id.</param>
internal sealed class Scenario(string name)
{
    /// <summary>A look at a job that goes on.</summary>
    public static readonly JobObservation Working = new("READY", false, null, 0, null, 1, 10, 2.0, 0.1);

    private readonly Lazy<DateTimeOffset> _start = new(TimeProvider.System.GetUtcNow);
    private readonly ConcurrentDictionary<string, int> _calls = new(StringComparer.Ordinal);
    private Task _unsuspended = Task.CompletedTask;

    public string Name { get; } = name;

    /// <summary>The version that the run is started with; null: none, as runs are today.</summary>
    public string? Version { get; init; }

    /// <summary>The orchestration that is started.</summary>
    public string Orchestrator { get; init; } = nameof(FineTuneOrchestration);

    /// <summary>Its input.</summary>
    public object Input => Orchestrator switch
    {
        nameof(SweepOrchestration) => 0,
        nameof(VariantsOrchestration) => Spec with
        {
            Variants = [.. Variants.Select(name => Given.Variant(Spec, name))],
            Concurrency = Concurrency,
        },
        _ => Spec,
    };

    /// <summary>The variants of a group.</summary>
    public IReadOnlyList<string> Variants { get; init; } = [];

    /// <summary>Whether nodes pass from variant to variant.</summary>
    public bool Handover { get; init; }

    /// <summary>Answers whether an offered node is handed on; the number of the question counts from 1.</summary>
    public Func<int, bool> Hand { get; init; } = _ => true;

    /// <summary>Answers whether a handed node fits; the number of the question counts from 1.</summary>
    public Func<int, bool> Fits { get; init; } = _ => true;

    /// <summary>The most seconds for which a handed node may wait for the preparation; null: no limit.</summary>
    public double? MostIdleSeconds { get; init; }

    /// <summary>The most variants under way at once.</summary>
    public int Concurrency { get; init; } = 1;

    /// <summary>Answers whether a variant may begin; the number of the question counts from 1.</summary>
    public Func<int, RunFailure?> Begin { get; init; } = _ => null;

    /// <summary>Answers a look of the sweep, whose number counts from 0.</summary>
    public Func<int, SweepLook> Sweep { get; init; } = _ => new SweepLook(0, 0);

    /// <summary>The look of the sweep during which it is woken.</summary>
    public IReadOnlyList<int> WokenIn { get; init; } = [];

    public RunPlan Plan { get; init; } = Given.Plan("us-a1-a", "us-b1-a");

    public double PollSeconds { get; init; } = 0.05;

    public double BootSeconds { get; init; } = 900;

    public double AcquireTimeoutSeconds { get; init; } = 600;

    /// <summary>Seconds from the start to the deadline; null: none.</summary>
    public double? DeadlineSeconds { get; init; }

    /// <summary>Whether the run stops at its deadline.</summary>
    public bool StopsAtDeadline { get; init; }

    /// <summary>The work that is left.</summary>
    public WorkOutlook Outlook { get; init; } = new(0, 0, 0, 0, "");

    /// <summary>The activity during whose first call the run is cancelled.</summary>
    public string? CancelledIn { get; init; }

    /// <summary>The activity during whose first call the run is suspended, for a second.</summary>
    public string? SuspendedIn { get; init; }

    /// <summary>The approval that is asked for; null for none.</summary>
    public ApprovalSpec? Approval { get; init; }

    /// <summary>Whether the estimate makes the run ask.</summary>
    public bool MustAsk { get; init; } = true;

    /// <summary>The answer to the question; null: nobody answers.</summary>
    public ApprovalOutcome? Answer { get; init; }

    /// <summary>Whether an approved run plans anew.</summary>
    public bool PlansAnew { get; init; }

    /// <summary>The activity during whose first call the training is asked to end.</summary>
    public string? FinishedIn { get; init; }

    /// <summary>Events by which the worker tells of the end of its job as soon as it has it.</summary>
    public int Wakes { get; init; }

    /// <summary>Throws to fail the preparation of the data; the number of the call counts from 1.</summary>
    public Action<int> Prepare { get; init; } = _ => { };

    /// <summary>Answers a request for a node.</summary>
    public Func<CreateNodeInput, Refusal?> Create { get; init; } = _ => null;

    /// <summary>false: the cloud is not asked for a refused node.</summary>
    public Func<CreateNodeInput, bool> IsAsked { get; init; } = _ => true;

    /// <summary>Answers a look at a node.</summary>
    public Func<ObserveNodeInput, NodeObservation> ObserveNode { get; init; } =
        _ => new NodeObservation("READY", true, null);

    /// <summary>Answers a look at a job; the number of the look at this kind of job counts from 1.</summary>
    public Func<ObserveJobInput, int, JobObservation> ObserveJob { get; init; } =
        (_, look) => look == 1 ? Working : Working with { Step = 10, End = new JobEnd(true, null, null) };

    /// <summary>The look of the teardown, from 1, that finds nothing left.</summary>
    public int GoneAtLook { get; init; } = 1;

    /// <summary>Throws to fail the announcement.</summary>
    public Action Announce { get; init; } = () => { };

    /// <summary>The work that a resumed run finds; null: the run is in its first part.</summary>
    public ResumeState? Done { get; init; }

    /// <summary>The stage with which a run begins that takes over the work of another one; null for none.</summary>
    public RunStageName? From { get; init; }

    /// <summary>The work that a resumed run takes over; null: a run takes over in its first part, if at all.</summary>
    public ResumeState? Taken { get; init; }

    /// <summary>Throws to fail the search for that work.</summary>
    public Action Resume { get; init; } = () => { };

    public RunSpec Spec => Given.Spec with
    {
        Origin = From is null ? null : new RunOrigin { Of = new RunId("other"), From = From },
        Resumption = Done is null || (From is not null && Taken is null) ? null : new RunResumption(
            2, Given.Spec, DateTimeOffset.UnixEpoch, [new FieldChange("budgetUsd", "5", "10")]),
        RunId = new RunId(Name),
        Approval = Approval,
        Name = Name,
        Handover = Handover,
        Deadline = DeadlineSeconds is { } seconds ? _start.Value.AddSeconds(seconds) : null,
        StopsAtDeadline = StopsAtDeadline,
        Tpu = Given.Spec.Tpu with { AcquireTimeoutSeconds = AcquireTimeoutSeconds },
        Pace = new PaceSpec
        {
            PollSeconds = PollSeconds,
            BootSeconds = BootSeconds,
            RoundPauseSeconds = 0.1,
            SilenceSeconds = 30,
        },
    };

    /// <summary>Registers the activities.</summary>
    public void Register(DurableTaskRegistry registry, Func<DurableTaskClient> client)
    {
        Add<RunSpec, ResumeState>(Stages.Resume, (_, _) =>
        {
            Resume();
            return Done!;
        });
        Add<RunSpec, ResumeState>(Stages.TakeOver, (_, _) => Taken ?? Done!);
        Add<RunSpec, RunPlan>(Stages.Plan, (_, _) => Plan);
        Add<RunSpec, PreparedData>(Stages.PrepareData, (_, call) =>
        {
            Prepare(call);
            return Given.Data;
        });
        Add<CreateNodeInput, CreateNodeResult>(Stages.CreateNode, (input, _) => Create(input) is { } refusal
            ? new CreateNodeResult(NodeOf(input), null, refusal, IsAsked(input))
            : new CreateNodeResult(NodeOf(input), $"operation-{input.Attempt}", null));
        Add<ObserveNodeInput, NodeObservation>(Stages.ObserveNode, (input, _) => ObserveNode(input));
        Add<int, SweepLook>(Stages.Sweep, (number, _) => Sweep(number));
        Add<RunSpec, VariantsState>(Stages.OpenVariants, (input, _) => new VariantsState(
            false, [.. input.Variants!.Select(_ => new VariantState(null, null))]));
        Add<RunSpec, double>(Stages.PlanVariants, (_, _) => 1);
        Add<VariantStart, RunFailure?>(Stages.BeginVariant, (_, call) => Begin(call));
        Add<OfferInput, bool>(Stages.OfferNode, (_, _) => true);
        Add<HandInput, bool>(Stages.HandNode, (_, call) => Hand(call));
        Add<AcceptInput, NodeAcceptance>(Stages.AcceptNode, (input, call) => new NodeAcceptance(
            Fits(call) ? input.Handed.Lease : null, IsOwned: true)
        {
            MostIdleSeconds = MostIdleSeconds,
        });
        Add<EndVariantInput, bool>(Stages.EndVariant, (_, _) => true);
        Add<CompareInput, RunOutcome>(
            Stages.CompareVariants, (input, _) => new(input.Status, "comparison.json", input.Failure));
        Add<AttemptEnd, bool>(Stages.EndAttempt, (_, _) => true);
        Add<DispatchInput, bool>(Stages.DispatchJob, (_, _) => true);
        Add<ObserveJobInput, JobObservation>(
            Stages.ObserveJob, (input, _) => ObserveJob(input, Count($"{Stages.ObserveJob} {input.Kind}")));
        Add<ObserveJobInput, bool>(Stages.StopJob, (_, _) => true);
        Add<ScoreInput, bool>(Stages.Score, (_, _) => true);
        Add<LossInput, bool>(Stages.RecordLoss, (_, _) => true);
        Add<OutlookInput, WorkOutlook>(Stages.Outlook, (_, _) => Outlook);
        Add<SpotSwitch, bool>(Stages.RecordSwitch, (_, _) => true);
        Add<MoveRecord, bool>(Stages.RecordMove, (_, _) => true);
        Add<SuspensionChange, bool>(Stages.RecordSuspension, (input, _) =>
        {
            if (input.IsSuspended)
            {
                _unsuspended = UnsuspendAsync(client());
            }

            return true;
        });
        Add<StageInput, bool>(Stages.EnterStage, (_, _) => true);
        Add<ApprovalInput, RunApproval?>(Stages.AskApproval, (input, _) => MustAsk
            ? new RunApproval(
                TimeProvider.System.GetUtcNow(), TimeProvider.System.GetUtcNow().AddHours(input.Approval.WithinHours),
                input.EstimatedUsd, input.EstimatedSeconds, input.BudgetUsd)
            : null);
        Add<DecisionInput, ApprovalDecision>(
            Stages.DecideApproval, (input, _) => input.Decision with { PlansAnew = PlansAnew });
        Add<FinishInput, bool>(Stages.FinishTraining, (_, _) => true);
        Add<ReleaseInput, NodeRelease>(Stages.ReleaseNode, (input, _) => new(input.NodeName, "DELETING", false));
        Add<RunSpec, IReadOnlyList<NodeRelease>>(Stages.ReleaseAll, (_, call) =>
            [new(Given.Node("us-a1-a", "n1"), call < GoneAtLook ? "DELETING" : "NOT_FOUND", call >= GoneAtLook)]);
        Add<ReportInput, RunOutcome>(Stages.Report, (input, _) => new(input.Status, "report.json", input.Failure));
        Add<RunEnd, bool>(Stages.Announce, (_, _) =>
        {
            Announce();
            return true;
        });

        void Add<TIn, TOut>(string activity, Func<TIn, int, TOut> answer) =>
            registry.AddActivityFunc<TIn, TOut>(activity, async (_, input) =>
            {
                var call = Count(activity);
                if (activity == CancelledIn && call == 1)
                {
                    // The cancel passes through the run to its children while this activity is still under way.
                    await client().RaiseEventAsync(Name, RunEvents.Cancel, "enough");
                    await Task.Delay(TimeSpan.FromSeconds(1));
                }

                if (activity == SuspendedIn && call == 1)
                {
                    await client().RaiseEventAsync(
                        Name, RunEvents.Suspension, new SuspensionRequest(true, "dear hours"));
                    await Task.Delay(TimeSpan.FromSeconds(1));
                }

                if (activity == FinishedIn && call == 1)
                {
                    await client().RaiseEventAsync(Name, RunEvents.Finish, new FinishRequest("kim", "flat"));
                }

                if (input is StageInput { Stage: RunStageName.Approve } && Answer is { } outcome)
                {
                    await client().RaiseEventAsync(
                        Name, RunEvents.Approval, new ApprovalDecision(outcome, "kim", "seen"));
                }

                for (var wake = 0; wake < Wakes && input is DispatchInput; wake++)
                {
                    await client().RaiseEventAsync((input as DispatchInput)!.ReplyTo, RunEvents.JobEnded, "job");
                }

                if (input is int look && WokenIn.Contains(look))
                {
                    await client().RaiseEventAsync(Name, RunEvents.Wake, "started");
                }

                return answer(input, call);
            });
    }

    private async Task UnsuspendAsync(DurableTaskClient client)
    {
        await Task.Delay(TimeSpan.FromSeconds(1));
        await client.RaiseEventAsync(Name, RunEvents.Suspension, new SuspensionRequest(false, "go on"));
    }

    private static NodeName NodeOf(CreateNodeInput input) => Given.Node(input.Candidate.Zone, $"n{input.Attempt}");

    private int Count(string what) => _calls.AddOrUpdate(what, 1, (_, count) => count + 1);
}
