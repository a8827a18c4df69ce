using System.Text.Json.Serialization;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Translation.Metrics;

namespace Workflows.Activities.Reporting;

/// <summary>The report of a run. Times are in seconds, money in US dollars, losses in nats.</summary>
public sealed record RunReport
{
    /// <summary>Gets the run's id.</summary>
    public required RunId RunId { get; init; }

    /// <summary>Gets its name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Gets the run's final status.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>
    /// Gets a value indicating whether the cloud was the emulator; costs are then those of the same time on real TPUs.
    /// </summary>
    public bool IsRehearsal { get; init; }

    /// <summary>
    /// Gets a value indicating whether nodes are still being released, so that cost and teardown are not yet final.
    /// </summary>
    public bool IsDraft { get; init; }

    /// <summary>Gets the reason why the run did not succeed.</summary>
    public RunFailure? Failure { get; init; }

    /// <summary>Gets the earlier ends of a run that was resumed; null if it was not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<StopRow>? Stops { get; init; }

    /// <summary>Gets who started the run, and the run whose request it repeats; null for neither.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public RunOrigin? Origin { get; init; }

    /// <summary>Gets the command that resumes the run; null if it has its verdict or is a draft.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public string? Resume { get; init; }

    /// <summary>Gets the verdict; null if the tuned model was not evaluated. Of two directions, the first
    /// one's.</summary>
    public VerdictSection? Verdict { get; init; }

    /// <summary>Gets the verdict of each direction.</summary>
    public IReadOnlyList<VerdictSection> Verdicts { get; init; } = [];

    /// <summary>Gets every attempt to get a TPU.</summary>
    public required IReadOnlyList<AttemptRow> Attempts { get; init; }

    /// <summary>Gets the nodes that passed between this variant and others; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<HandoverRow>? Handovers { get; init; }

    /// <summary>Gets every loss of a TPU.</summary>
    public required IReadOnlyList<RecoveryRow> Recoveries { get; init; }

    /// <summary>Gets the corpus; null if it was not prepared.</summary>
    public PreparedData? Data { get; init; }

    /// <summary>Gets the training; null if there was none.</summary>
    public TrainingSection? Training { get; init; }

    /// <summary>Gets the moves to cheaper nodes; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<MoveRow>? Moves { get; init; }

    /// <summary>Gets what people have told the run: approvals, and early ends of its training; null for
    /// nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<PersonRow>? People { get; init; }

    /// <summary>Gets the run's deadline; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DeadlineSection? Deadline { get; init; }

    /// <summary>Gets the costs.</summary>
    public required CostSection Cost { get; init; }

    /// <summary>Gets the proof that nothing is left running.</summary>
    public required IReadOnlyList<TeardownRow> Teardown { get; init; }

    /// <summary>Gets each measurement on the validation pairs, by step; empty without a validation.</summary>
    public IReadOnlyList<ValidationFact> Validations { get; init; } = [];

    /// <summary>Gets the stages with their beginning and duration.</summary>
    public required IReadOnlyList<StageRow> Stages { get; init; }

    /// <summary>Gets the compiled programs of the TPU's jobs; null if nothing was compiled.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public CompileFact? Compile { get; init; }

    /// <summary>Gets the paths of the run's files.</summary>
    public required ArtifactSection Artifacts { get; init; }
}

/// <summary>The scores of one model.</summary>
/// <param name="Bleu">BLEU, 0 to 100.</param>
/// <param name="BleuSignature">sacreBLEU's signature.</param>
/// <param name="Chrf">chrF++, 0 to 100.</param>
/// <param name="ChrfSignature">sacreBLEU's signature.</param>
/// <param name="Hypotheses">File with one translation a line.</param>
/// <param name="Warnings">Degenerate outputs by kind: empty, copied, repeated, wrong script, never ending.</param>
public sealed record SystemScore(
    double Bleu, string BleuSignature, double Chrf, string ChrfSignature, string Hypotheses,
    IReadOnlyDictionary<string, int> Warnings)
{
    /// <summary>Returns a fault's name in <see cref="Warnings"/>, such as <c>never ending</c>.</summary>
    /// <param name="fault">The fault.</param>
    /// <returns>Its words.</returns>
    internal static string NameOf(OutputFault fault) => string.Concat(fault.ToString().Select((letter, at) =>
        (at > 0 && char.IsUpper(letter) ? " " : "") + char.ToLowerInvariant(letter)));
}

/// <summary>A test sentence.</summary>
/// <param name="Source">The source.</param>
/// <param name="Reference">The reference.</param>
/// <param name="Base">The base model's translation.</param>
/// <param name="Tuned">The tuned model's.</param>
public sealed record ExampleRow(string Source, string Reference, string Base, string Tuned);

/// <summary>An attempt to get a TPU.</summary>
/// <param name="Attempt">From 1.</param>
/// <param name="Zone">The zone.</param>
/// <param name="AcceleratorType">The accelerator type.</param>
/// <param name="Provisioning">The provisioning mode.</param>
/// <param name="Outcome">Its outcome.</param>
/// <param name="Code">Stable code of the refusal.</param>
/// <param name="Reason">The cloud's message.</param>
/// <param name="Scope">zone, region, project or request.</param>
/// <param name="Fix">The remedy.</param>
/// <param name="Seconds">Its duration in seconds.</param>
public sealed record AttemptRow(
    int Attempt, string Zone, string AcceleratorType, ProvisioningMode Provisioning, AttemptOutcome Outcome,
    string? Code, string? Reason, RefusalScope? Scope, string? Fix, double Seconds);

/// <summary>A node that passed from one variant to another.</summary>
/// <param name="Node">Full resource name.</param>
/// <param name="Zone">The zone.</param>
/// <param name="At">Time from which the variant that got it pays.</param>
/// <param name="From">The variant that gave it; null for this one.</param>
/// <param name="To">The variant that got it; null for this one.</param>
public sealed record HandoverRow(string Node, string Zone, DateTimeOffset At, RunId? From, RunId? To);

/// <summary>An end of a run after which it was resumed.</summary>
/// <param name="Status">How it ended: failed, cancelled or terminated.</param>
/// <param name="Failure">The reason; null for a cancellation.</param>
/// <param name="At">Time of the end; null for a run that was terminated.</param>
/// <param name="Usd">Cost until then, in US dollars.</param>
/// <param name="Step">The last training step until then; 0 for none.</param>
/// <param name="ResumedAt">Time of the resumption.</param>
/// <param name="CheckpointStep">Step of the checkpoint that was found; 0 for none; null if the search failed.</param>
/// <param name="Changes">Fields that were changed.</param>
public sealed record StopRow(
    RunStatus Status, RunFailure? Failure, DateTimeOffset? At, double Usd, int Step, DateTimeOffset ResumedAt,
    int? CheckpointStep, IReadOnlyList<FieldChange> Changes);

/// <summary>A loss of a TPU.</summary>
/// <param name="Zone">The zone.</param>
/// <param name="Cause">PREEMPTED, WORKER_SILENT, RUN_DURATION_OVER, ...</param>
/// <param name="LostSteps">Steps that had to be repeated.</param>
/// <param name="FromStep">Step of the checkpoint from which the work resumed.</param>
/// <param name="Seconds">Seconds until the work resumed elsewhere; null if it did not.</param>
public sealed record RecoveryRow(string Zone, string Cause, int LostSteps, int FromStep, double? Seconds);

/// <summary>The training.</summary>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="Tokens">Tokens trained on, prompts included, each step once.</param>
/// <param name="TokensPerSecond">Rate over the time that TPUs were training.</param>
/// <param name="FirstLoss">Loss of the first step.</param>
/// <param name="FinalLoss">Mean loss of the last steps.</param>
/// <param name="Seconds">From the first step to the last, recoveries included.</param>
public sealed record TrainingSection(
    int Steps, long Tokens, double TokensPerSecond, double FirstLoss, double FinalLoss, double Seconds)
{
    /// <summary>full or lora; null if not known.</summary>
    public string? Method { get; init; }

    /// <summary>Weights that were trained.</summary>
    public long? TrainedParameters { get; init; }

    /// <summary>Pairs of one pass, fewer than requested if memory ran out.</summary>
    public int? MicroBatchSize { get; init; }

    /// <summary>Examples left out for their length.</summary>
    public int TooLong { get; init; }

    /// <summary>The step whose weights are the tuned model.</summary>
    public int? OutputStep { get; init; }

    /// <summary>Passes over the training pairs; null if their number is not known.</summary>
    public double? Epochs { get; init; }

    /// <summary>Gets a value indicating whether the validation ended the training before its last step.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Gets a value indicating whether a person ended the training before its last step.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool FinishedEarly { get; init; }

    /// <summary>Metric of the validation, loss or chrf; null without one.</summary>
    public string? ValidationMetric { get; init; }

    /// <summary>The best validation score.</summary>
    public double? BestScore { get; init; }

    /// <summary>Validation examples, or pairs for chrF, left out for their length.</summary>
    public int ValidationTooLong { get; init; }
}

/// <summary>The costs.</summary>
/// <param name="Currency">USD.</param>
/// <param name="Estimated">The plan's estimate; null without a plan.</param>
/// <param name="Actual">Chips times time at list price.</param>
/// <param name="Budget">The run's budget.</param>
/// <param name="ByStage">The actual cost by stage.</param>
public sealed record CostSection(
    string Currency, double? Estimated, double Actual, double Budget,
    IReadOnlyDictionary<RunStageName, double> ByStage)
{
    /// <summary>Gets the egress between the run's bucket and its nodes, which is computed and not in the other sums;
    /// null if no bytes are known.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public EgressCost? Egress { get; init; }

    /// <summary>Gets the egress that the plan expected at its first place; null without one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? EstimatedEgressUsd { get; init; }

    /// <summary>Gets the plan's hours on a TPU; null without a plan.</summary>
    public double? EstimatedHours { get; init; }

    /// <summary>Gets the hours for which some TPU cost money, including those of lost TPUs.</summary>
    public double? ActualHours { get; init; }

    /// <summary>Gets the time by its parts; null without a plan, and for plans of earlier versions.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<EstimateRow>? Parts { get; init; }

    /// <summary>Gets the source of the estimate's rates, as one sentence; null like <see cref="Parts"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Basis { get; init; }

    /// <summary>Gets the places at which the run was expected to be shorter or cheaper, by the rates that it measured;
    /// null for a run that cannot be compared.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<AlternativeRow>? Alternatives { get; init; }

    /// <summary>Gets the prices of translating with each model; null if no VM translated the whole test
    /// set.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<TranslationPrice>? Translation { get; init; }
}

/// <summary>A part of the time on TPUs, as expected and as it was.</summary>
/// <param name="Part"><c>train</c>, <c>evaluate</c>, or <c>rest</c>: time in which no model computed.</param>
/// <param name="Estimated">Expected seconds.</param>
/// <param name="Actual">Seconds; null if the part did not end.</param>
/// <param name="Why">The reason for the difference: rates, steps and sentences, as assumed and as they were.</param>
public sealed record EstimateRow(string Part, double Estimated, double? Actual, string Why);

/// <summary>One node's end.</summary>
/// <param name="Node">Full resource name.</param>
/// <param name="Zone">The zone.</param>
/// <param name="DeletedAt">Time at which it was proved gone.</param>
/// <param name="ConfirmedNotFound">true if the cloud answered NOT_FOUND.</param>
public sealed record TeardownRow(string Node, string Zone, DateTimeOffset? DeletedAt, bool ConfirmedNotFound)
{
    /// <summary>The cloud's operation that deleted it; null if it was gone before the run deleted it.</summary>
    public string? Operation { get; init; }
}

/// <summary>A stage.</summary>
/// <param name="Stage">Its name.</param>
/// <param name="At">Time of its beginning.</param>
/// <param name="Seconds">Its duration in seconds.</param>
public sealed record StageRow(RunStageName Stage, DateTimeOffset At, double Seconds);

/// <summary>Paths of the run's files.</summary>
/// <param name="Checkpoint">
/// The tuned model, a Hugging Face folder: a path, or an address such as gs://BUCKET/...; null if there is none.
/// </param>
/// <param name="Report">The JSON report.</param>
/// <param name="Page">The report as a page.</param>
public sealed record ArtifactSection(string? Checkpoint, string Report, string Page);
