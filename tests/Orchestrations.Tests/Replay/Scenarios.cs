namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>The runs whose histories are kept.</summary>
internal static class Scenarios
{
    private const double Day = 86400;

    private const string Variants = nameof(VariantsOrchestration);

    private static readonly JobEnd Done = new(true, null, null);

    // Waits that only an event ends.
    private const double Long = 60;

    /// <summary>
    /// All of them. A recorded scenario is never changed: a new path through an orchestrator is a new scenario.
    /// </summary>
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("v2-plain-run") { Version = "2" },
        new("v2-bad-data")
        {
            Version = "2",
            Prepare = _ => throw new RunFaultException("NO_PAIRS", "The corpus has no pairs.", "Add pairs."),
        },
        new("v2-cancel-preparing") { Version = "2", CancelledIn = Stages.PrepareData },
        new("v2-cancel-scoring") { Version = "2", CancelledIn = Stages.Score },
        new("v2-announcer-fails")
        {
            Version = "2",
            Announce = () => throw new InvalidOperationException("The broker is away."),
        },
        new("v2-resumed")
        {
            Version = "2",
            Done = new ResumeState(Given.Data, 40, false, false, 3, [Given.Node("us-a1-a", "n1")]),
        },
        new("v2-resumed-anew") { Version = "2", Done = ResumeState.Nothing },
        new("v2-resumed-trained") { Version = "2", Done = new ResumeState(Given.Data, 40, true, false, 3, []) },
        new("v2-resumed-translated") { Version = "2", Done = new ResumeState(Given.Data, 40, true, true, 3, []) },
        new("v2-taken-over")
        {
            Version = "2",
            From = RunStageName.Evaluate,
            Done = new ResumeState(Given.Data, 0, true, false, 1, []),
        },
        new("v2-take-over-cancelled")
        {
            Version = "2",
            From = RunStageName.Train,
            Done = ResumeState.Nothing,
            CancelledIn = Stages.TakeOver,
        },
        new("v2-resumed-to-take-over")
        {
            Version = "2",
            From = RunStageName.Report,
            Done = ResumeState.Nothing with { MustTakeOver = true },
            Taken = new ResumeState(Given.Data, 0, true, true, 1, []),
        },
        new("v2-resume-refused")
        {
            Version = "2",
            Done = ResumeState.Nothing,
            Resume = () => throw new RunFaultException("STEPS_BELOW_CHECKPOINT", "Too few.", "Ask for more."),
        },
        new("v2-resume-cancelled")
        {
            Version = "2",
            Done = ResumeState.Nothing,
            CancelledIn = Stages.Resume,
        },
        new("v2-deadline-switch")
        {
            // Some seconds in which spot nodes are searched for.
            Version = "2",
            Plan = WithOnDemand,
            DeadlineSeconds = 25,
            Outlook = new WorkOutlook(13, 2, 1, 1, "measured"),
            Create = OnlyOnDemand(600),
        },
        new("v2-deadline-move")
        {
            // A move is due at once, and is possible for half a minute.
            Version = "2",
            Plan = WithOnDemand,
            DeadlineSeconds = 1000,
            ObserveJob = (input, look) => look < 3
                ? Scenario.Working with
                {
                    Outlook = input.Lease.Candidate.Provisioning == ProvisioningMode.Spot
                        ? new WorkOutlook(960, 10, 5, 5, "measured") : null,
                }
                : Scenario.Working with { Step = 10, End = new JobEnd(true, null, null) },
        },
        new("v2-deadline-stop")
        {
            Version = "2",
            StopsAtDeadline = true,
            DeadlineSeconds = 5,
            ObserveJob = (_, _) => Scenario.Working,
        },
        new("v2-move")
        {
            // The second look finds the new node usable, the third one the old job stopped.
            Version = "2",
            ObserveJob = (_, look) => look switch
            {
                1 => Scenario.Working with { Move = Cheaper },
                2 => Scenario.Working,
                3 => Scenario.Working with { End = new JobEnd(false, "STOPPED", "The job was stopped.") },
                _ => Scenario.Working with { Step = 10, End = Done },
            },
        },
        new("v2-move-beside")
        {
            // The old node is given back while the new one works.
            Version = "2",
            ObserveJob = (_, look) => look switch
            {
                1 => Scenario.Working with { Move = Cheaper with { ReleasesBeside = true } },
                2 => Scenario.Working,
                3 => Scenario.Working with { End = new JobEnd(false, "STOPPED", "The job was stopped.") },
                4 or 5 => Scenario.Working,
                _ => Scenario.Working with { Step = 10, End = Done },
            },
        },
        new("v2-move-given-up")
        {
            Version = "2",
            ObserveJob = (_, look) => look switch
            {
                1 or 2 => Scenario.Working with { Move = Cheaper },
                3 => Scenario.Working,
                _ => Scenario.Working with { Step = 10, End = Done },
            },
            Create = input => input.Attempt == 2 ? Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600) : null,
            ObserveNode = input => input.Lease.Attempt == 3
                ? new NodeObservation(
                    "PREEMPTED", false, Given.Refusal("PREEMPTED_DURING_CREATE", RefusalScope.Zone, 600))
                : new NodeObservation("READY", true, null),
        },
        new("v2-move-lost")
        {
            // The working node is lost while the new one is being created, which takes over.
            Version = "2",
            ObserveJob = (_, look) => look switch
            {
                1 => Scenario.Working with { Move = Cheaper },
                2 => Scenario.Working with { NodeState = "PREEMPTED", IsLost = true, LossCause = "PREEMPTED" },
                _ => Scenario.Working with { Step = 10, End = Done },
            },
        },
        new("v2-suspended-preparing") { Version = "2", SuspendedIn = Stages.PrepareData },
        new("v2-suspended-acquiring")
        {
            Version = "2",
            SuspendedIn = Stages.CreateNode,
            PollSeconds = 2,
        },
        new("v2-suspended-working")
        {
            // Stopped at the first job, which does not end by itself.
            Version = "2",
            SuspendedIn = Stages.DispatchJob,
            PollSeconds = 2,
            DeadlineSeconds = 3600,
            StopsAtDeadline = true,
        },
        new("v2-approved") { Version = "2", Approval = new(1), Answer = ApprovalOutcome.Approved },
        new("v2-approved-planned")
        {
            Version = "2",
            Approval = new(1),
            Answer = ApprovalOutcome.Approved,
            PlansAnew = true,
        },
        new("v2-approval-rejected") { Version = "2", Approval = new(1), Answer = ApprovalOutcome.Rejected },
        new("v2-approval-expired") { Version = "2", Approval = new(0.5 / 3600) },
        new("v2-approval-not-needed") { Version = "2", Approval = new(1) { AboveUsd = 5 }, MustAsk = false },
        new("v2-finished") { Version = "2", FinishedIn = Stages.DispatchJob },
        new("v2-finished-late") { Version = "2", FinishedIn = Stages.Score },
        new("v2-fallback") { Version = "2", Plan = WithOnDemand, Create = OnlyOnDemand(Day) },
        new("variants-plain") { Version = "2", Orchestrator = Variants, Variants = ["a", "b"] },
        new("variants-approved")
        {
            Version = "2",
            Orchestrator = Variants,
            Variants = ["a"],
            Approval = new(1),
            Answer = ApprovalOutcome.Approved,
        },
        new("variants-rejected")
        {
            Version = "2",
            Orchestrator = Variants,
            Variants = ["a", "b"],
            Approval = new(1),
            Answer = ApprovalOutcome.Rejected,
        },
        new("variants-failed")
        {
            // The corpus of the group is the first preparation.
            Version = "2",
            Orchestrator = Variants,
            Variants = ["a", "b"],
            Prepare = call => FailIf(call == 2, new RunFaultException("MODEL_INVALID", "It has no head.", "Add it.")),
        },
        new("variants-cancel")
        {
            Version = "2",
            Orchestrator = Variants,
            Variants = ["a", "b", "c"],
            Concurrency = 2,
            CancelledIn = Stages.DispatchJob,
            PollSeconds = 2,
        },
        new("variants-budget")
        {
            Version = "2",
            Orchestrator = Variants,
            Variants = ["a", "b", "c"],
            ObserveJob = (_, look) => look == 1 ? Scenario.Working
                : Scenario.Working with { AccruedUsd = look > 2 ? 1000 : 0.1, End = look == 2 ? Done : null },
            Begin = call => call < 3 ? null : new RunFailure("BUDGET_EXHAUSTED", "It is spent.", "Raise it."),
        },
        new("variants-handover")
        {
            // The second gets the node of the first, which the third cannot use.
            Version = "2",
            Orchestrator = Variants,
            Handover = true,
            Variants = ["a", "b", "c"],
            Fits = call => call == 1,
        },
        new("variants-handover-late")
        {
            // The release of the first node was decided before it could be handed on.
            Version = "2",
            Orchestrator = Variants,
            Handover = true,
            Variants = ["a", "b", "c"],
            Hand = call => call > 1,
        },
        new("variants-handover-idle")
        {
            // The node of the second waits for its preparation, with a limit.
            Version = "2",
            Orchestrator = Variants,
            Handover = true,
            Variants = ["a", "b"],
            MostIdleSeconds = 900,
        },
        new("plain-run"),
        new("retried-step") { Prepare = call => FailIf(call == 1, new IOException("The disk was busy.")) },
        new("bad-data")
        {
            Prepare = _ => throw new RunFaultException("NO_PAIRS", "The corpus has no pairs.", "Add pairs."),
        },
        Refusals(),
        new("project-refused")
        {
            Create = _ => Given.Refusal("BILLING_DISABLED", RefusalScope.Project, Day),
        },
        new("region-refused-for-short")
        {
            Plan = Given.Plan("us-a1-a", "us-a1-b", "us-b1-a"),
            Create = input => input.Attempt switch
            {
                1 => Given.Refusal("QUOTA_IN_USE", RefusalScope.Region, 120) with
                {
                    RegionUntil = TimeProvider.System.GetUtcNow().AddSeconds(120),
                },
                2 => Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600),
                _ => null,
            },
        },
        new("no-zone-left") { Create = _ => Given.Refusal("ZONE_FORBIDDEN", RefusalScope.Zone, Day) },
        new("no-capacity")
        {
            AcquireTimeoutSeconds = 1,
            Create = _ => Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600),
        },
        new("no-credentials")
        {
            Create = _ => throw new RunFaultException("CREDENTIALS_MISSING", "There are none.", "Log in."),
        },
        new("cloud-unreachable")
        {
            Create = input => input.Candidate.Zone == "us-a1-a" ? throw new IOException("no route") : null,
        },
        new("loss")
        {
            ObserveJob = (input, look) => (input.Kind, look) switch
            {
                (_, 1) => Scenario.Working,
                (JobKind.Train, 2) => Scenario.Working with
                {
                    NodeState = "PREEMPTED", IsLost = true, LossCause = "PREEMPTED", LostSteps = 4, Step = 9,
                },
                (JobKind.Train, 3) => Scenario.Working with { Step = 6 },
                _ => Scenario.Working with { Step = 10, End = new JobEnd(true, null, null) },
            },
        },
        new("woken")
        {
            PollSeconds = 2,
            Wakes = 3,
            // Lost at the second look: the third event goes on to the next generation.
            ObserveJob = (input, look) => (input.Kind, look) switch
            {
                (JobKind.Train, 1) => Scenario.Working,
                (JobKind.Train, 2) => Scenario.Working with
                {
                    NodeState = "READY", IsLost = true, LossCause = "WORKER_SILENT", LostSteps = 1,
                },
                _ => Scenario.Working with { Step = 10, End = new JobEnd(true, null, null) },
            },
        },
        new("worker-failed")
        {
            ObserveJob = (_, _) => Scenario.Working with { End = new JobEnd(false, "DIVERGED", "The loss is NaN.") },
        },
        new("cancel-preparing") { CancelledIn = Stages.PrepareData },
        new("cancel-acquiring") { CancelledIn = Stages.CreateNode, PollSeconds = Long },
        new("cancel-working")
        {
            CancelledIn = Stages.DispatchJob,
            PollSeconds = 2,
            ObserveJob = (_, _) => Scenario.Working,
        },
        new("cancel-at-a-loss")
        {
            CancelledIn = Stages.ObserveJob,
            ObserveJob = (_, _) => Scenario.Working with { NodeState = "NOT_FOUND", IsLost = true },
        },
        new("budget")
        {
            ObserveJob = (_, look) => Scenario.Working with { AccruedUsd = look * Given.Spec.BudgetUsd / 2 },
        },
        new("budget-of-a-boot")
        {
            ObserveNode = _ => new NodeObservation("READY", false, null) { SpentUsd = Given.Spec.BudgetUsd - 0.01 },
        },
        new("hours-over-in-a-boot")
        {
            ObserveNode = _ => new NodeObservation("READY", false, null) { IsTimeOver = true },
        },
        new("continue-as-new")
        {
            PollSeconds = 0.01,
            GoneAtLook = 45,
            ObserveJob = (input, look) => input.Kind == JobKind.Train && look < 65
                ? Scenario.Working
                : Scenario.Working with { Step = 10, End = new JobEnd(true, null, null) },
        },
        new("sweep")
        {
            // By the clock, by a wake, by a wake after a look that broke, and to the end.
            Orchestrator = nameof(SweepOrchestration),
            WokenIn = [1, 2],
            Sweep = look => look switch
            {
                0 => new SweepLook(2, 0.05),
                1 => new SweepLook(1, Long),
                2 => throw new RunFaultException("SWEEP_BROKE", "It broke.", "Mend it."),
                _ => new SweepLook(0, 0),
            },
        },
        new("announcer-fails") { Announce = () => throw new IOException("The topic is gone.") },
    ];

    private static MoveProposal Cheaper => new(Given.At("us-b1-a"), MoveReason.CheaperSpot, 3, 0.5);

    private static RunPlan WithOnDemand => Given.Plan("us-a1-a", "us-b1-a") with
    {
        OnDemand = [Given.At("us-a1-a") with { Provisioning = ProvisioningMode.OnDemand }],
    };

    private static Func<CreateNodeInput, Refusal?> OnlyOnDemand(double rememberSeconds) => input =>
        input.Candidate.Provisioning == ProvisioningMode.OnDemand
            ? null : Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, rememberSeconds);

    /// <summary>Every way to be refused, one after the other; the last place is ready in the second round.</summary>
    private static Scenario Refusals()
    {
        var asked = 0;
        return new Scenario("refusals")
        {
            PollSeconds = 0.5,
            BootSeconds = 3,
            Plan = new RunPlan(
                [
                    Given.At("us-a1-a"), Given.At("us-b1-a"), Given.At("us-b1-b"),
                    Given.At("us-b1-b") with { AcceleratorType = "v6e-8" }, Given.At("us-c1-a"), Given.At("us-d1-a"),
                    Given.At("us-e1-a"),
                ],
                1, 1),
            IsAsked = input => input.Candidate.Zone != "us-c1-a",
            Create = input => (input.Candidate.Zone, input.Candidate.AcceleratorType) switch
            {
                ("us-a1-a", _) => Given.Refusal("ZONE_FORBIDDEN", RefusalScope.Zone, Day),
                ("us-b1-a", _) => Given.Refusal("QUOTA_EXHAUSTED", RefusalScope.Region, Day),
                ("us-b1-b", "v6e-8") => Given.Refusal("ACCELERATOR_NOT_OFFERED", RefusalScope.Zone, Day),
                ("us-c1-a", _) => Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600),
                ("us-e1-a", _) when ++asked == 1 => Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600),
                _ => null,
            },
            // One node fails while it is made in the first round, and is never ready in the second.
            ObserveNode = input => (input.Lease.Candidate.Zone, input.Lease.Attempt) switch
            {
                ("us-d1-a", < 6) => new NodeObservation(
                    "PREEMPTED", false, Given.Refusal("PREEMPTED_DURING_CREATE", RefusalScope.Zone, 600)),
                ("us-d1-a", _) => new NodeObservation("CREATING", false, null),
                _ => new NodeObservation("READY", true, null),
            },
        };
    }

    private static void FailIf(bool fails, Exception fault)
    {
        if (fails)
        {
            throw fault;
        }
    }
}
