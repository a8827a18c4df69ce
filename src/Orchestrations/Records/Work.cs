using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The cleaned corpus, ready for the worker.</summary>
/// <param name="TrainUri">Training pairs, JSON lines.</param>
/// <param name="TestUri">Test pairs, JSON lines.</param>
/// <param name="TrainPairs">Pairs to train on.</param>
/// <param name="TestPairs">Pairs to translate.</param>
/// <param name="Dropped">Pairs left out, by reason.</param>
public sealed record PreparedData(
    string TrainUri, string TestUri, int TrainPairs, int TestPairs, IReadOnlyDictionary<string, int> Dropped)
{
    /// <summary>Validation pairs, JSON lines; null if the training does not validate.</summary>
    public string? ValidationUri { get; init; }

    /// <summary>
    /// The address of the run's artifacts; null in older histories, which use the run's folder on the service's
    /// machine.
    /// </summary>
    public string? ArtifactsUri { get; init; }

    /// <summary>The base model's address for the worker; null in older histories, which use the request's.</summary>
    public string? ModelUri { get; init; }

    /// <summary>Pairs to validate on.</summary>
    public int ValidationPairs { get; init; }

    /// <summary>
    /// SHA-256 of each prepared file by its address, in lower-case hexadecimal; null in older histories.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyDictionary<string, string>? Sha256 { get; init; }

    /// <summary>
    /// Hash of the fields of the request that the preparation depends on; null in older histories.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public string? RequestHash { get; init; }

    /// <summary>The first few rows left out for each reason.</summary>
    public IReadOnlyList<DroppedSample> Samples { get; init; } = [];

    /// <summary>Checks that were passed before anything was rented.</summary>
    public IReadOnlyList<GateResult> Gates { get; init; } = [];

    /// <summary>Passes over the training pairs that the request's steps make; 0 in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double Passes { get; init; }

    /// <summary>Counts the passes over the training pairs that a training makes.</summary>
    /// <param name="training">The training.</param>
    /// <returns>Passes; 0 without pairs.</returns>
    public double Epochs(TrainingSpec training) => TrainPairs == 0
        ? 0
        : (double)training.Steps * training.BatchSize * training.AccumulationSteps / TrainPairs;
}

/// <summary>A row of the corpus that was left out.</summary>
/// <param name="Reason">As in <see cref="PreparedData.Dropped"/>.</param>
/// <param name="Line">Line of the file, from 1; null if not known.</param>
/// <param name="Text">Its beginning.</param>
public sealed record DroppedSample(string Reason, long? Line, string Text);

/// <summary>A check that was passed before anything was rented.</summary>
/// <param name="Name">Name of the check.</param>
/// <param name="Detail">Its finding.</param>
public sealed record GateResult(string Name, string Detail);

/// <summary>Kinds of jobs for the worker on the TPU VM.</summary>
public enum JobKind
{
    /// <summary>Fine-tune; resumes from the newest complete checkpoint.</summary>
    Train,

    /// <summary>Translate the test set with the base and with the tuned model.</summary>
    Translate,
}

/// <summary>A job for the TPU, which survives the loss of any one VM.</summary>
/// <param name="Kind">The kind of the job.</param>
/// <param name="Spec">The run.</param>
/// <param name="Plan">The places to try for a TPU.</param>
/// <param name="Data">The corpus.</param>
/// <param name="Lease">A TPU that the run holds already; null to get one.</param>
/// <param name="NextAttempt">Number for the next attempt to get a TPU.</param>
public sealed record TpuWorkInput(
    JobKind Kind, RunSpec Spec, RunPlan Plan, PreparedData Data, TpuLease? Lease, int NextAttempt)
{
    /// <summary>Gets the time at which the work is stopped, whatever its state; null for no limit.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DateTimeOffset? StopAt { get; init; }

    /// <summary>Gets a value indicating whether the run has gone over to on-demand nodes, and stays with
    /// them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSwitched { get; init; }

    /// <summary>Gets a move under way; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public OpenMove? Move { get; init; }

    /// <summary>Gets the node that the work has moved away from, which is to be given back; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public NodeName? Left { get; init; }

    /// <summary>Gets the node that was lost and is not proved gone, which holds its quota; null for none, and in older
    /// histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public TpuLease? Leaving { get; init; }

    /// <summary>TPUs lost so far in this job; survives continue-as-new.</summary>
    public int Losses { get; init; }

    /// <summary>Zone of the TPU lost last.</summary>
    public string? Avoid { get; init; }

    /// <summary>Places that refused this run for a lasting reason.</summary>
    public IReadOnlyList<Candidate> RuledOut { get; init; } = [];

    /// <summary>A recovery under way, closed when the work resumes.</summary>
    public OpenRecovery? Recovery { get; init; }
}

/// <summary>A loss that is being recovered from.</summary>
/// <param name="Number">Number of the loss in this job, from 1.</param>
/// <param name="Zone">Zone of the lost TPU.</param>
/// <param name="Cause">PREEMPTED, silence, ...</param>
/// <param name="LostSteps">Steps that must be repeated.</param>
/// <param name="FromStep">Step of the checkpoint from which the work resumes.</param>
/// <param name="DetectedAt">Time of the detection.</param>
public sealed record OpenRecovery(
    int Number, string Zone, string Cause, int LostSteps, int FromStep, DateTimeOffset DetectedAt);

/// <summary>The end of a job for the TPU.</summary>
/// <param name="Lease">The TPU that the run still holds.</param>
/// <param name="NextAttempt">Number for the next attempt.</param>
/// <param name="Failure">The failure; null for none.</param>
/// <param name="Cancelled">true if the run was cancelled.</param>
public sealed record TpuWorkResult(TpuLease? Lease, int NextAttempt, RunFailure? Failure, bool Cancelled)
{
    /// <summary>Gets a value indicating whether the run has gone over to on-demand nodes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSwitched { get; init; }
}

/// <summary>Gives a job to the worker of a node.</summary>
/// <param name="Kind">The kind of the job.</param>
/// <param name="Spec">The run.</param>
/// <param name="Data">The corpus.</param>
/// <param name="Lease">The node whose worker does it.</param>
/// <param name="ReplyTo">Instance that is notified of the end, by the event <see cref="RunEvents.JobEnded"/>.</param>
/// <param name="Recovery">Loss that this dispatch recovers from.</param>
public sealed record DispatchInput(
    JobKind Kind, RunSpec Spec, PreparedData Data, TpuLease Lease, string ReplyTo, OpenRecovery? Recovery)
{
    /// <summary>Gets the steps between two checkpoints, where they are fewer than those of the request; null for those
    /// of the request, also in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int? CheckpointEverySteps { get; init; }
}

/// <summary>A poll of a job.</summary>
/// <param name="Kind">The kind of the job.</param>
/// <param name="Spec">The run.</param>
/// <param name="Lease">The node whose worker does it.</param>
public sealed record ObserveJobInput(JobKind Kind, RunSpec Spec, TpuLease Lease);

/// <summary>The state of a job.</summary>
/// <param name="NodeState">The cloud's state of the node, or NOT_FOUND.</param>
/// <param name="IsLost">true if the node or its worker is gone.</param>
/// <param name="LossCause">The node's state in capitals, WORKER_SILENT, DEVICE_LOST, or
/// <see cref="DurationOver"/>.</param>
/// <param name="LostSteps">Steps after the newest checkpoint.</param>
/// <param name="End">The job's end; null while it runs.</param>
/// <param name="Step">The last step reported.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="Loss">Training loss of that step.</param>
/// <param name="AccruedUsd">Cost of the run so far; of a variant, that of its whole group.</param>
public sealed record JobObservation(
    string NodeState, bool IsLost, string? LossCause, int LostSteps, JobEnd? End, int Step, int Steps, double? Loss,
    double AccruedUsd)
{
    /// <summary>The cause of a flex-start node that the cloud deleted at the end of its maximum run duration.</summary>
    public const string DurationOver = "RUN_DURATION_OVER";

    /// <summary>Gets the work that is left; null without a deadline.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public WorkOutlook? Outlook { get; init; }

    /// <summary>Gets the cost of the time that it takes to give the nodes back, in US dollars, which the budget must
    /// still bear; 0 in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double StopUsd { get; init; }

    /// <summary>Gets the reason to end the run with this loss, or to go over to on-demand nodes; null for none, and in
    /// older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public RunFailure? TooManyLosses { get; init; }

    /// <summary>Gets a place to which the run should go over now; null for none, and in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public MoveProposal? Move { get; init; }
}

/// <summary>The end of a job on its worker.</summary>
/// <param name="Succeeded">true if the job was done.</param>
/// <param name="Code">Error code; null for a success.</param>
/// <param name="Message">Error message; null for a success.</param>
public sealed record JobEnd(bool Succeeded, string? Code, string? Message);

/// <summary>The reason why a run did not succeed.</summary>
/// <param name="Code">Stable code, listed in docs/errors.md.</param>
/// <param name="Message">The fault.</param>
/// <param name="Fix">The remedy.</param>
public sealed record RunFailure(string Code, string Message, string Fix)
{
    /// <summary>The code of a run from which the cloud took too many nodes.</summary>
    public const string TooManyPreemptions = "TOO_MANY_PREEMPTIONS";

    /// <summary>The code of a run of which too many nodes or workers failed.</summary>
    public const string TooManyFailures = "TOO_MANY_FAILURES";
}

/// <summary>One node's teardown.</summary>
/// <param name="NodeName">Full resource name.</param>
/// <param name="State">The cloud's state; NOT_FOUND is the proof.</param>
/// <param name="ConfirmedNotFound">true if the cloud answered NOT_FOUND.</param>
public sealed record NodeRelease(NodeName NodeName, string State, bool ConfirmedNotFound);

/// <summary>Input of the report.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Plan">The plan; null if planning failed.</param>
/// <param name="Data">The corpus; null if it was not prepared.</param>
/// <param name="Status">Succeeded, failed or cancelled.</param>
/// <param name="Failure">The reason why it did not succeed; null for a success.</param>
public sealed record ReportInput(
    RunSpec Spec, RunPlan? Plan, PreparedData? Data, RunStatus Status, RunFailure? Failure)
{
    /// <summary>
    /// Gets a value indicating whether nodes are still to be released; the report is written again afterwards.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsDraft { get; init; }
}

/// <summary>The end of a run.</summary>
/// <param name="Status">Succeeded, failed or cancelled.</param>
/// <param name="ReportUri">The JSON report.</param>
/// <param name="Failure">The reason why it did not succeed; null for a success.</param>
public sealed record RunOutcome(RunStatus Status, string ReportUri, RunFailure? Failure);

/// <summary>The custom status of a run's orchestration.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Detail">One line for people.</param>
public sealed record RunStage(RunStageName Stage, string Detail)
{
    /// <summary>Gets the suspension of the run; null if it is not suspended.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public RunSuspension? Suspension { get; init; }

    /// <summary>Gets the approval that the run waits for; null if it waits for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public RunApproval? Approval { get; init; }
}

/// <summary>Names of the events that runs and the sweep receive.</summary>
public static class RunEvents
{
    /// <summary>Stops the run cleanly. The payload is the reason, a string.</summary>
    public const string Cancel = "cancel";

    /// <summary>Suspends the run, or ends its suspension. The payload is a <see cref="SuspensionRequest"/>.</summary>
    public const string Suspension = "suspension";

    /// <summary>Approves or rejects the run. The payload is an <see cref="ApprovalDecision"/>.</summary>
    public const string Approval = "approval";

    /// <summary>Ends the training early. The payload is a <see cref="FinishRequest"/>.</summary>
    public const string Finish = "finish";

    /// <summary>Reports that a job ended on its worker. The payload is the job's id, a string.</summary>
    public const string JobEnded = "job-ended";

    /// <summary>Tells a group that a variant offers its node. The payload is a <see cref="HandedNode"/>.</summary>
    public const string NodeOffered = "node-offered";

    /// <summary>Tells a variant that the node which it offered is another one's, or released. The payload is the node's
    /// name, a string.</summary>
    public const string NodeDecided = "node-decided";

    /// <summary>Starts the next sweep at once. The payload is the reason, a string.</summary>
    public const string Wake = "wake";
}
