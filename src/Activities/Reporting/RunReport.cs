using System.Text.Json.Serialization;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>The report of a run. Times in seconds, money in US dollars, losses in nats.</summary>
public sealed record RunReport
{
    /// <summary>Gets the run's id.</summary>
    public required RunId RunId { get; init; }

    /// <summary>Gets its name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Gets the run's end.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>
    /// Gets a value indicating whether the cloud was the emulator: its money is what the same time would cost.
    /// </summary>
    public bool IsRehearsal { get; init; }

    /// <summary>
    /// Gets a value indicating whether nodes are still being given back: cost and teardown are not yet final.
    /// </summary>
    public bool IsDraft { get; init; }

    /// <summary>Gets the reason why the run did not succeed.</summary>
    public RunFailure? Failure { get; init; }

    /// <summary>Gets whether the tuned model is finer; null when it was not evaluated. Of two directions the first.
    /// </summary>
    public VerdictSection? Verdict { get; init; }

    /// <summary>Gets the verdict of each direction.</summary>
    public IReadOnlyList<VerdictSection> Verdicts { get; init; } = [];

    /// <summary>Gets every attempt to get a TPU.</summary>
    public required IReadOnlyList<AttemptRow> Attempts { get; init; }

    /// <summary>Gets every loss of a TPU.</summary>
    public required IReadOnlyList<RecoveryRow> Recoveries { get; init; }

    /// <summary>Gets the corpus; null when it was not prepared.</summary>
    public PreparedData? Data { get; init; }

    /// <summary>Gets the training; null when there was none.</summary>
    public TrainingSection? Training { get; init; }

    /// <summary>Gets the money.</summary>
    public required CostSection Cost { get; init; }

    /// <summary>Gets the proof that nothing is left running.</summary>
    public required IReadOnlyList<TeardownRow> Teardown { get; init; }

    /// <summary>Gets each measurement on the validation pairs, by step; empty without a validation.</summary>
    public IReadOnlyList<ValidationFact> Validations { get; init; } = [];

    /// <summary>Gets the stages with their beginning and length.</summary>
    public required IReadOnlyList<StageRow> Stages { get; init; }

    /// <summary>Gets the programs that the TPU's jobs made ready; null where nothing was compiled.</summary>
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
    IReadOnlyDictionary<string, int> Warnings);

/// <summary>A test sentence.</summary>
/// <param name="Source">The source.</param>
/// <param name="Reference">The reference.</param>
/// <param name="Base">The base model's translation.</param>
/// <param name="Tuned">The tuned model's.</param>
public sealed record ExampleRow(string Source, string Reference, string Base, string Tuned);

/// <summary>An attempt to get a TPU.</summary>
/// <param name="Attempt">From 1.</param>
/// <param name="Zone">Where.</param>
/// <param name="AcceleratorType">What.</param>
/// <param name="Provisioning">How it was to be rented.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Code">Stable code of the refusal.</param>
/// <param name="Reason">The cloud's words.</param>
/// <param name="Scope">zone, region, project or request.</param>
/// <param name="Fix">The remedy.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record AttemptRow(
    int Attempt, string Zone, string AcceleratorType, ProvisioningMode Provisioning, AttemptOutcome Outcome,
    string? Code, string? Reason, RefusalScope? Scope, string? Fix, double Seconds);

/// <summary>A loss of a TPU.</summary>
/// <param name="Zone">Where.</param>
/// <param name="Cause">PREEMPTED, WORKER_SILENT, ...</param>
/// <param name="LostSteps">Steps done again.</param>
/// <param name="FromStep">Step of the checkpoint that the work went on from.</param>
/// <param name="Seconds">Until the work went on elsewhere; null: it did not.</param>
public sealed record RecoveryRow(string Zone, string Cause, int LostSteps, int FromStep, double? Seconds);

/// <summary>The training.</summary>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="Tokens">Tokens trained on, prompts included, each step once.</param>
/// <param name="TokensPerSecond">Over the time that TPUs were training.</param>
/// <param name="FirstLoss">Of the first step.</param>
/// <param name="FinalLoss">Mean of the last steps.</param>
/// <param name="Seconds">From the first step to the last, recoveries included.</param>
public sealed record TrainingSection(
    int Steps, long Tokens, double TokensPerSecond, double FirstLoss, double FinalLoss, double Seconds)
{
    /// <summary>full or lora; null while not known.</summary>
    public string? Method { get; init; }

    /// <summary>Weights that were trained.</summary>
    public long? TrainedParameters { get; init; }

    /// <summary>Pairs of one pass, fewer than asked for where memory ran out.</summary>
    public int? MicroBatchSize { get; init; }

    /// <summary>Examples left out for their length.</summary>
    public int TooLong { get; init; }

    /// <summary>The step whose weights are the tuned model.</summary>
    public int? OutputStep { get; init; }

    /// <summary>Passes over the training pairs; null while their number is not known.</summary>
    public double? Epochs { get; init; }

    /// <summary>Gets a value indicating whether the validation ended the training before its last step.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Metric of the validation, loss or chrf; null without one.</summary>
    public string? ValidationMetric { get; init; }

    /// <summary>The best validation.</summary>
    public double? BestScore { get; init; }

    /// <summary>Validation examples, or pairs for chrF, left out for their length.</summary>
    public int ValidationTooLong { get; init; }
}

/// <summary>The money.</summary>
/// <param name="Currency">USD.</param>
/// <param name="Estimated">The plan's estimate; null without a plan.</param>
/// <param name="Actual">Chips times time at list price.</param>
/// <param name="Budget">The most that was allowed.</param>
/// <param name="ByStage">Parts of the whole.</param>
public sealed record CostSection(
    string Currency, double? Estimated, double Actual, double Budget,
    IReadOnlyDictionary<RunStageName, double> ByStage)
{
    /// <summary>Gets the plan's hours on a TPU; null without a plan.</summary>
    public double? EstimatedHours { get; init; }

    /// <summary>Gets the hours for which some TPU cost money, those of lost ones included.</summary>
    public double? ActualHours { get; init; }
}

/// <summary>One node's end.</summary>
/// <param name="Node">Full resource name.</param>
/// <param name="Zone">Where.</param>
/// <param name="DeletedAt">When it was proved gone.</param>
/// <param name="ConfirmedNotFound">The cloud answered NOT_FOUND.</param>
public sealed record TeardownRow(string Node, string Zone, DateTimeOffset? DeletedAt, bool ConfirmedNotFound)
{
    /// <summary>The cloud's operation that deleted it; null: it was gone before anybody asked.</summary>
    public string? Operation { get; init; }
}

/// <summary>A stage.</summary>
/// <param name="Stage">Its name.</param>
/// <param name="At">When it began.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record StageRow(RunStageName Stage, DateTimeOffset At, double Seconds);

/// <summary>Paths of the run's files.</summary>
/// <param name="Checkpoint">
/// The tuned model, a Hugging Face folder: a path, or an address such as gs://BUCKET/...; null when there is none.
/// </param>
/// <param name="Report">The JSON report.</param>
/// <param name="Page">The report as a page.</param>
public sealed record ArtifactSection(string? Checkpoint, string Report, string Page);
