using System.Text.Json.Serialization;
using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Calls the activities with their types, each with its own retry policy. A failure that outlasts the retries is a
/// fault of this program or its machine. Refusals of the cloud are ordinary results.
/// </summary>
public static class Stages
{
    /// <summary>Activity names.</summary>
    public const string Plan = "Plan", PrepareData = "PrepareData", CreateNode = "CreateNode",
        ObserveNode = "ObserveNode", EndAttempt = "EndAttempt", DispatchJob = "DispatchJob", ObserveJob = "ObserveJob",
        StopJob = "StopJob", Score = "Score", ReleaseNode = "ReleaseNode", ReleaseAll = "ReleaseAll",
        RecordLoss = "RecordLoss", Report = "Report", EnterStage = "EnterStage", Announce = "Announce",
        Sweep = "Sweep", Resume = "Resume", Outlook = "Outlook", RecordSwitch = "RecordSwitch",
        RecordSuspension = "RecordSuspension", OpenVariants = "OpenVariants", PlanVariants = "PlanVariants",
        BeginVariant = "BeginVariant", EndVariant = "EndVariant", CompareVariants = "CompareVariants",
        TakeOver = "TakeOver", OfferNode = "OfferNode", HandNode = "HandNode", AcceptNode = "AcceptNode",
        RecordMove = "RecordMove", AskApproval = "AskApproval", DecideApproval = "DecideApproval",
        FinishTraining = "FinishTraining";

    /// <summary>Options of local work: a few quick tries.</summary>
    private static readonly TaskOptions Local = Retry(3, TimeSpan.FromSeconds(1), 2, TimeSpan.FromSeconds(10));

    /// <summary>Options of calls to the cloud's API, whose short outages are waited out.</summary>
    private static readonly TaskOptions Cloud = Retry(8, TimeSpan.FromSeconds(1), 2, TimeSpan.FromMinutes(1));

    /// <summary>Options of deleting nodes, which cost money while they exist: tried for hours.</summary>
    private static readonly TaskOptions Teardown = Retry(100, TimeSpan.FromSeconds(1), 2, TimeSpan.FromMinutes(5));

    internal static Task<RunPlan> PlanAsync(this TaskOrchestrationContext context, RunSpec spec) =>
        context.CallActivityAsync<RunPlan>(Plan, spec, Local);

    internal static Task<ResumeState> ResumeAsync(this TaskOrchestrationContext context, RunSpec spec) =>
        context.CallActivityAsync<ResumeState>(Resume, spec, Local);

    internal static Task<ResumeState> TakeOverAsync(this TaskOrchestrationContext context, RunSpec spec) =>
        context.CallActivityAsync<ResumeState>(TakeOver, spec, Local);

    internal static Task<PreparedData> PrepareDataAsync(this TaskOrchestrationContext context, RunSpec spec) =>
        context.CallActivityAsync<PreparedData>(PrepareData, spec, Local);

    internal static Task<CreateNodeResult> CreateNodeAsync(
        this TaskOrchestrationContext context, CreateNodeInput input) =>
        context.CallActivityAsync<CreateNodeResult>(CreateNode, input, Cloud);

    internal static Task<NodeObservation> ObserveNodeAsync(
        this TaskOrchestrationContext context, ObserveNodeInput input) =>
        context.CallActivityAsync<NodeObservation>(ObserveNode, input, Cloud);

    internal static Task EndAttemptAsync(this TaskOrchestrationContext context, AttemptEnd end) =>
        context.CallActivityAsync(EndAttempt, end, Local);

    internal static Task DispatchJobAsync(this TaskOrchestrationContext context, DispatchInput input) =>
        context.CallActivityAsync(DispatchJob, input, Local);

    internal static Task<JobObservation> ObserveJobAsync(
        this TaskOrchestrationContext context, ObserveJobInput input) =>
        context.CallActivityAsync<JobObservation>(ObserveJob, input, Cloud);

    internal static Task StopJobAsync(this TaskOrchestrationContext context, ObserveJobInput input) =>
        context.CallActivityAsync(StopJob, input, Local);

    internal static Task RecordLossAsync(this TaskOrchestrationContext context, RunId runId, OpenRecovery loss) =>
        context.CallActivityAsync(RecordLoss, new LossInput(runId, loss), Local);

    internal static Task<WorkOutlook> OutlookAsync(this TaskOrchestrationContext context, OutlookInput input) =>
        context.CallActivityAsync<WorkOutlook>(Outlook, input, Local);

    internal static Task RecordSwitchAsync(this TaskOrchestrationContext context, SpotSwitch change) =>
        context.CallActivityAsync(RecordSwitch, change, Local);

    internal static Task RecordMoveAsync(this TaskOrchestrationContext context, MoveRecord step) =>
        context.CallActivityAsync(RecordMove, step, Local);

    internal static Task RecordSuspensionAsync(this TaskOrchestrationContext context, SuspensionChange change) =>
        context.CallActivityAsync(RecordSuspension, change, Local);

    internal static Task<RunApproval?> AskApprovalAsync(
        this TaskOrchestrationContext context, ApprovalInput input) =>
        context.CallActivityAsync<RunApproval?>(AskApproval, input, Local);

    internal static Task<ApprovalDecision> DecideApprovalAsync(
        this TaskOrchestrationContext context, DecisionInput input) =>
        context.CallActivityAsync<ApprovalDecision>(DecideApproval, input, Local);

    internal static Task FinishTrainingAsync(this TaskOrchestrationContext context, FinishInput input) =>
        context.CallActivityAsync(FinishTraining, input, Local);

    internal static Task ScoreAsync(this TaskOrchestrationContext context, RunSpec spec, PreparedData data) =>
        context.CallActivityAsync(Score, new ScoreInput(spec, data), Local);

    internal static Task<NodeRelease> ReleaseNodeAsync(
        this TaskOrchestrationContext context, RunSpec spec, NodeName nodeName) =>
        context.CallActivityAsync<NodeRelease>(ReleaseNode, new ReleaseInput(spec, nodeName), Teardown);

    /// <summary>Asks for a node's release once, for a run that goes on: a cloud that does not answer would otherwise
    /// hold it for as long as a release is tried. A node that could not be asked for is asked for as the run
    /// works, and the teardown proves.</summary>
    internal static Task<NodeRelease> AskReleaseAsync(
        this TaskOrchestrationContext context, RunSpec spec, NodeName nodeName) =>
        context.CallActivityAsync<NodeRelease>(
            ReleaseNode, new ReleaseInput(spec, nodeName) { GoesOn = true }, Teardown);

    internal static Task<IReadOnlyList<NodeRelease>> ReleaseAllAsync(
        this TaskOrchestrationContext context, RunSpec spec) =>
        context.CallActivityAsync<IReadOnlyList<NodeRelease>>(ReleaseAll, spec, Teardown);

    internal static Task<RunOutcome> ReportAsync(this TaskOrchestrationContext context, ReportInput input) =>
        context.CallActivityAsync<RunOutcome>(Report, input, Local);

    internal static Task AnnounceAsync(this TaskOrchestrationContext context, RunEnd end) =>
        context.CallActivityAsync(Announce, end, Local);

    internal static Task<VariantsState> OpenVariantsAsync(this TaskOrchestrationContext context, RunSpec group) =>
        context.CallActivityAsync<VariantsState>(OpenVariants, group, Local);

    internal static Task<double> PlanVariantsAsync(this TaskOrchestrationContext context, RunSpec group) =>
        context.CallActivityAsync<double>(PlanVariants, group, Local);

    internal static Task<RunFailure?> BeginVariantAsync(this TaskOrchestrationContext context, VariantStart start) =>
        context.CallActivityAsync<RunFailure?>(BeginVariant, start, Local);

    internal static Task EndVariantAsync(this TaskOrchestrationContext context, EndVariantInput end) =>
        context.CallActivityAsync(EndVariant, end, Local);

    internal static Task<RunOutcome> CompareVariantsAsync(this TaskOrchestrationContext context, CompareInput input) =>
        context.CallActivityAsync<RunOutcome>(CompareVariants, input, Local);

    internal static Task<bool> OfferNodeAsync(this TaskOrchestrationContext context, OfferInput input) =>
        context.CallActivityAsync<bool>(OfferNode, input, Local);

    internal static Task<bool> HandNodeAsync(this TaskOrchestrationContext context, HandInput input) =>
        context.CallActivityAsync<bool>(HandNode, input, Cloud);

    internal static Task<NodeAcceptance> AcceptNodeAsync(this TaskOrchestrationContext context, AcceptInput input) =>
        context.CallActivityAsync<NodeAcceptance>(AcceptNode, input, Cloud);

    internal static Task<SweepLook> SweepAsync(this TaskOrchestrationContext context, int number) =>
        context.CallActivityAsync<SweepLook>(Sweep, number, Local);

    internal static async Task EnterStageAsync(
        this TaskOrchestrationContext context, RunId runId, RunStageName stage, string detail)
    {
        context.SetCustomStatus(new RunStage(stage, detail));
        await context.CallActivityAsync(EnterStage, new StageInput(runId, stage, detail), Local);
    }

    /// <summary>Runs a step whose failure does not change how the run ends; a failure is logged.</summary>
    internal static async Task UnlessItFailsAsync(this TaskOrchestrationContext context, Func<Task> step)
    {
        try
        {
            await step();
        }
        catch (TaskFailedException exception)
        {
            context.CreateReplaySafeLogger<FineTuneOrchestration>()
                .StepFailed(context.InstanceId, exception.TaskName, exception.FailureDetails.ErrorMessage);
        }
    }

    /// <summary>
    /// Creates the options of a child, which runs in the version of its parent, so that a new version of a child does
    /// not require new versions of its parents.
    /// </summary>
    internal static SubOrchestrationOptions ChildOptions(this TaskOrchestrationContext context, string instanceId) =>
        new(instanceId: instanceId) { Version = context.Version };

    private static TaskOptions Retry(int attempts, TimeSpan first, double factor, TimeSpan longest) =>
        TaskOptions.FromRetryPolicy(new RetryPolicy(attempts, first, factor, longest)
        {
            HandleFailure = RunFaultException.IsWorthRetrying,
        });
}

/// <summary>A loss for the ledger.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Loss">The loss.</param>
public sealed record LossInput(RunId RunId, OpenRecovery Loss);

/// <summary>The end of a run, as announcers receive it.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Name">Its name for people.</param>
/// <param name="Outcome">The outcome.</param>
public sealed record RunEnd(RunId RunId, string Name, RunOutcome Outcome)
{
    /// <summary>Gets the number of the run's part that ended, from 2; null for the first.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int? Part { get; init; }
}

/// <summary>Input of the scoring.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Data">The corpus.</param>
public sealed record ScoreInput(RunSpec Spec, PreparedData Data);

/// <summary>The node to release.</summary>
/// <param name="Spec">The run.</param>
/// <param name="NodeName">Full resource name.</param>
public sealed record ReleaseInput(RunSpec Spec, NodeName NodeName)
{
    /// <summary>Gets a value indicating whether the run waits for the answer and goes on: a release that cannot be
    /// asked for is noted in place of being tried for hours. false in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool GoesOn { get; init; }
}

/// <summary>A stage's beginning, for the ledger.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Stage">The stage.</param>
/// <param name="Detail">One line for people.</param>
public sealed record StageInput(RunId RunId, RunStageName Stage, string Detail);
