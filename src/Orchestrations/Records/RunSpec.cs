using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The specification of one fine-tuning run: validated, with every default filled in.</summary>
public sealed record RunSpec
{
    /// <summary>The run's id, also the orchestration's instance id.</summary>
    public required RunId RunId { get; init; }

    /// <summary>A name for people.</summary>
    public required string Name { get; init; }

    /// <summary>The Google Cloud project that pays; for a rehearsal an invented one of this run alone.</summary>
    public required string Project { get; init; }

    /// <summary>The directions in which the model is trained and evaluated.</summary>
    public required RunDirection Direction { get; init; }

    /// <summary>The checkpoint to start from: a Hugging Face folder, as a path or a file:// URI.</summary>
    public required string Model { get; init; }

    /// <summary>Wording of the prompt: <c>translategemma</c> as in that model's card, or <c>brief</c>, one short line
    /// for small models.</summary>
    public string Prompt { get; init; } = "translategemma";

    /// <summary>The chat turns around the prompt: <c>chat</c> for instruction-tuned checkpoints, <c>plain</c> for
    /// pre-trained ones, <c>auto</c> by the checkpoint's files.</summary>
    public string PromptTemplate { get; init; } = "auto";

    /// <summary>The corpus.</summary>
    public required DataSpec Data { get; init; }

    /// <summary>TPU types, zones and provisioning.</summary>
    public required TpuSpec Tpu { get; init; }

    /// <summary>Settings of the training.</summary>
    public TrainingSpec Training { get; init; } = new();

    /// <summary>Settings of the evaluation.</summary>
    public EvaluationSpec Evaluation { get; init; } = new();

    /// <summary>Limit of the run's cost in US dollars, teardown included.</summary>
    public double BudgetUsd { get; init; } = 10;

    /// <summary>Gets a value indicating whether the run starts even if its estimate is over the budget.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool AllowOverBudget { get; init; }

    /// <summary>Gets the most hours between the start of the run, or of a later part of it, and the teardown; null for
    /// no limit.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? MaxHours { get; init; }

    /// <summary>Gets the time by which the run should have its verdict, in UTC; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>Gets a value indicating whether the run stops at its deadline; otherwise it goes on.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool StopsAtDeadline { get; init; }

    /// <summary>Gets the approval without which the run rents nothing; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ApprovalSpec? Approval { get; init; }

    /// <summary>
    /// Gets a value indicating whether the run may pay for a TPU VM whose worker finds no TPU and computes on the
    /// processor.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool AllowHostProcessor { get; init; }

    /// <summary>Gets a value indicating whether Google Cloud is the emulator.</summary>
    public bool IsRehearsal { get; init; }

    /// <summary>Intervals and deadlines.</summary>
    public PaceSpec Pace { get; init; } = new();

    /// <summary>Gets who started the run, and the run whose request it repeats; null for neither.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public RunOrigin? Origin { get; init; }

    /// <summary>Gets the resumption that began this part of the run; null in the first part.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public RunResumption? Resumption { get; init; }

    /// <summary>Gets the variants that the run consists of; null for a run that trains by itself.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<RunVariant>? Variants { get; init; }

    /// <summary>Gets the most variants at once that may hold a TPU; 0 for a run without variants.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Concurrency { get; init; }

    /// <summary>Gets a value indicating whether a variant without a verdict stops the others.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool StopOnFailure { get; init; }

    /// <summary>Gets a value indicating whether nodes pass from variant to variant; of a group and of its
    /// variants.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Handover { get; init; }

    /// <summary>Gets the node that the variant gets from another one as it begins; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public HandedNode? Handed { get; init; }

    /// <summary>Gets the group that the run is a variant of; null for a run of its own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public VariantGroup? Group { get; init; }

    /// <summary>
    /// Gets the factor of the time for which a refusal is remembered. A rehearsal searches for minutes, not for hours,
    /// so a stock-out of ten minutes must end within it.
    /// </summary>
    [JsonIgnore]
    public double MemoryPace => IsRehearsal ? Pace.RoundPauseSeconds / new PaceSpec().RoundPauseSeconds : 1;
}

/// <summary>Sources of the sentence pairs.</summary>
public sealed record DataSpec
{
    /// <summary>
    /// Training pairs: files of pairs separated by commas, a folder of them, or two aligned files (Korean, English).
    /// </summary>
    public required string Train { get; init; }

    /// <summary>Test pairs in the same forms; null to hold out a fixed part of the training file.</summary>
    public string? Test { get; init; }

    /// <summary>Share held out for the test when there is no test file, 0 to 0.5.</summary>
    public double TestFraction { get; init; } = 0.1;

    /// <summary>Most test pairs that are translated, always the same ones.</summary>
    public int MaxTestPairs { get; init; } = 500;

    /// <summary>
    /// Validation pairs in the same forms; null to hold out some training pairs if the training validates.
    /// </summary>
    public string? Validation { get; init; }
}

/// <summary>TPU types, zones and provisioning.</summary>
public sealed record TpuSpec
{
    /// <summary>Accelerator types that the run may use, such as <c>v5litepod-8</c>.</summary>
    public required IReadOnlyList<string> AcceleratorTypes { get; init; }

    /// <summary>
    /// Zones that it may use; empty for every zone of the price catalog that has the type.
    /// </summary>
    public IReadOnlyList<string> Zones { get; init; } = [];

    /// <summary>Gets the order in which their places are tried.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public PlaceOrder Order { get; init; }

    /// <summary>The provisioning mode.</summary>
    public ProvisioningMode Provisioning { get; init; } = ProvisioningMode.Spot;

    /// <summary>The TPU VM's image; null for the generation's default.</summary>
    public string? RuntimeVersion { get; init; }

    /// <summary>Seconds without a TPU after which the run fails.</summary>
    public double AcquireTimeoutSeconds { get; init; } = 6 * 3600;

    /// <summary>Gets the highest price of a place in US dollars an hour, the whole slice; null for no limit.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? MaxUsdPerHour { get; init; }

    /// <summary>Gets the way to ask for a node.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public RequestWay Request { get; init; }

    /// <summary>Gets the seconds for which a queued resource waits for capacity in one place; 0 for a node.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double QueueSeconds { get; init; }

    /// <summary>Gets the hours after which the cloud itself deletes a flex-start node; 0 for other modes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double MaxRunHours { get; init; }

    /// <summary>Gets the nodes that the cloud may take from the run; null in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int? MaxPreemptions { get; init; }

    /// <summary>Gets the nodes of the run that may fail; null in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int? MaxFailures { get; init; }

    /// <summary>Gets what the run does when spot nodes are no longer enough.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public SpotFallback Fallback { get; init; }

    /// <summary>Gets whether the run may go over to a cheaper node while it works.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public MoveChoice Move { get; init; }

    /// <summary>VPC network; null for the project's default.</summary>
    public string? Network { get; init; }

    /// <summary>Gets the subnetwork of <see cref="Network"/>; null for the one named default.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Subnetwork { get; init; }

    /// <summary>Service account of the TPU VM; null for the project's default.</summary>
    public string? ServiceAccount { get; init; }

    /// <summary>
    /// Gets a value indicating whether the TPU VM has no external IP address; its network then needs another way out.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool WithoutExternalIp { get; init; }
}

/// <summary>Settings of the training. Sources of the defaults: docs/training.md.</summary>
public sealed record TrainingSpec
{
    /// <summary>Optimizer steps.</summary>
    public int Steps { get; init; } = 400;

    /// <summary>
    /// Gets the numbers of steps that earlier parts of the run had, whose checkpoints may be continued; null for none.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<int>? EarlierSteps { get; init; }

    /// <summary>Pairs computed at once.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Batches whose gradients make up one step.</summary>
    public int AccumulationSteps { get; init; } = 1;

    /// <summary><c>full</c>: every weight; <c>lora</c>: a low-rank adapter, merged in the end.</summary>
    public string Method { get; init; } = "full";

    /// <summary>The adapter's shape; used with <c>lora</c>.</summary>
    public LoraSpec Lora { get; init; } = new();

    /// <summary><c>cosine</c>, <c>linear</c>, <c>constant</c> or <c>inverse-sqrt</c>, after the warm-up.</summary>
    public string Schedule { get; init; } = "cosine";

    /// <summary>Gets a value indicating whether several short pairs share a row, each seeing only itself.</summary>
    public bool Pack { get; init; }

    /// <summary>Largest global norm of a gradient; larger ones are scaled down to it.</summary>
    public double MaxGradientNorm { get; init; } = 1;

    /// <summary>Validation while training; null for none.</summary>
    public ValidationSpec? Validation { get; init; }

    /// <summary>The weights that become the tuned model: <c>last</c>, or <c>best</c> by the validation.</summary>
    public string Keep { get; init; } = "last";

    /// <summary>Number of the newest training checkpoints that are kept.</summary>
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>The highest learning rate, after warm-up.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Steps of linear warm-up; the schedule follows.</summary>
    public int WarmupSteps { get; init; } = 20;

    /// <summary>Decoupled weight decay of AdamW, on matrices.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Longest example in tokens, prompt and answer together; longer ones are left out and counted.</summary>
    public int MaxLength { get; init; } = 128;

    /// <summary>Steps between two checkpoints.</summary>
    public int CheckpointEverySteps { get; init; } = 50;

    /// <summary>Seed of the data order.</summary>
    public int Seed { get; init; } = 42;
}

/// <summary>The shape of a low-rank adapter (Hu et al. 2021).</summary>
public sealed record LoraSpec
{
    /// <summary>Rank of the update.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>Its scale is alpha over rank; null for twice the rank.</summary>
    public double? Alpha { get; init; }

    /// <summary>Probability with which an input of the adapter is dropped in a step.</summary>
    public double Dropout { get; init; }

    /// <summary>Linear layers that get an adapter, by the checkpoint's names; empty for all seven.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [];

    /// <summary>
    /// Gets a value indicating whether the scale is alpha over the root of the rank (Kalajdzievski 2023).
    /// </summary>
    public bool RankStabilized { get; init; }
}

/// <summary>Validation on held-out pairs while training, with early stopping.</summary>
public sealed record ValidationSpec
{
    /// <summary><c>loss</c>, or <c>chrf</c>, which translates the validation pairs.</summary>
    public string Metric { get; init; } = "loss";

    /// <summary>Steps between two measurements.</summary>
    public int EverySteps { get; init; } = 50;

    /// <summary>Measurements in a row without a better one after which the training stops; 0 for never.</summary>
    public int Patience { get; init; } = 3;

    /// <summary>Most pairs to measure on.</summary>
    public int MaxPairs { get; init; } = 200;
}

/// <summary>Settings of the evaluation.</summary>
public sealed record EvaluationSpec
{
    /// <summary>The longest translation in tokens.</summary>
    public int MaxNewTokens { get; init; } = 96;

    /// <summary>Sentences decoded at once.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>1: greedy; more: beam search of so many beams.</summary>
    public int BeamSize { get; init; } = 1;

    /// <summary>A beam's score is its log-probability over its length to the power of this.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>Handling of a source that is too long for the model: <c>refuse</c> or <c>truncate</c>.</summary>
    public string LongInput { get; init; } = "refuse";

    /// <summary>
    /// BLEU's tokenizer. null for 13a into English; into Korean for ko-mecab if its dictionary is installed, else char.
    /// </summary>
    public string? BleuTokenizer { get; init; }

    /// <summary>Samples of the paired bootstrap.</summary>
    public int BootstrapSamples { get; init; } = 1000;

    /// <summary>Seed of the paired bootstrap, sacreBLEU's default.</summary>
    public int Seed { get; init; } = 12345;
}

/// <summary>Intervals and deadlines: short in rehearsal, long in the cloud.</summary>
public sealed record PaceSpec
{
    /// <summary>Seconds between two polls of a node or a job.</summary>
    public double PollSeconds { get; init; } = 15;

    /// <summary>Seconds of silence after which a worker counts as lost.</summary>
    public double SilenceSeconds { get; init; } = 120;

    /// <summary>Seconds in which a node must be ready with its worker connected.</summary>
    public double BootSeconds { get; init; } = 900;

    /// <summary>Seconds before all zones are tried again; doubles each round up to ten times this.</summary>
    public double RoundPauseSeconds { get; init; } = 60;
}
