using System.Text.Json.Serialization;

namespace Workflows.Service.Runs;

/// <summary>A request as users write it: everything but model, data and accelerator has a default.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RunRequest
{
    /// <summary>The run's id; null to generate one.</summary>
    public string? Id { get; init; }

    /// <summary>A name for people; null for the id.</summary>
    public string? Name { get; init; }

    /// <summary>The Google Cloud project; required unless the run is a rehearsal.</summary>
    public string? Project { get; init; }

    /// <summary><c>ko-en</c>, <c>en-ko</c> or <c>both</c>.</summary>
    public string? Direction { get; init; }

    /// <summary>Folder of the checkpoint to start from.</summary>
    public string? Model { get; init; }

    /// <summary><c>translategemma</c> or <c>brief</c>.</summary>
    public string? Prompt { get; init; }

    /// <summary><c>auto</c>, <c>chat</c> or <c>plain</c>.</summary>
    public string? PromptTemplate { get; init; }

    /// <summary>The corpus.</summary>
    public DataRequest? Data { get; init; }

    /// <summary>TPU types, zones and provisioning.</summary>
    public TpuRequest? Tpu { get; init; }

    /// <summary>Settings of the training.</summary>
    public TrainingRequest? Training { get; init; }

    /// <summary>Settings of the evaluation.</summary>
    public EvaluationRequest? Evaluation { get; init; }

    /// <summary>The most that the run may cost, in US dollars.</summary>
    public double? BudgetUsd { get; init; }

    /// <summary>Starts the run even if the estimate is over the budget.</summary>
    public bool? AllowOverBudget { get; init; }

    /// <summary>The most hours until the run's teardown.</summary>
    public double? MaxHours { get; init; }

    /// <summary>The time by which the run should have its verdict: RFC 3339, with an offset.</summary>
    public string? Deadline { get; init; }

    /// <summary><c>continue</c> or <c>stop</c>, once the deadline has passed.</summary>
    public string? AfterDeadline { get; init; }

    /// <summary>Asks a person before the first TPU is rented; null to ask nobody.</summary>
    public ApprovalRequest? Approval { get; init; }

    /// <summary>Pays for a TPU VM even if its worker finds no TPU and computes on the processor.</summary>
    public bool? AllowHostProcessor { get; init; }

    /// <summary>Runs against the emulator with this scenario; null to run against Google Cloud.</summary>
    public RehearsalRequest? Rehearsal { get; init; }

    /// <summary>Variants of the request, each a run of its own under the one budget; null for one run.</summary>
    public IReadOnlyList<VariantRequest>? Variants { get; init; }

    /// <summary>The most variants at once that may hold a TPU, one each.</summary>
    public int? Concurrency { get; init; }

    /// <summary>Passes the node of a variant that needs it no more to the next one, instead of a new one; true by
    /// default.</summary>
    public bool? Handover { get; init; }

    /// <summary>Stops the other variants when one has no verdict.</summary>
    public bool? StopOnFailure { get; init; }
}

/// <summary>The approval of a run by a person.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ApprovalRequest
{
    /// <summary>Hours for which the run waits; then it ends.</summary>
    public double? WithinHours { get; init; }

    /// <summary>Asks nobody if the estimate is not above this, in US dollars; null to ask always.</summary>
    public double? AboveUsd { get; init; }
}

/// <summary>A variant: the fields in which it differs from the request.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record VariantRequest
{
    /// <summary>Its name, the end of its run's id; null for its number in the list, from 1.</summary>
    public string? Name { get; init; }

    /// <summary><c>ko-en</c>, <c>en-ko</c> or <c>both</c>.</summary>
    public string? Direction { get; init; }

    /// <summary>Folder of the checkpoint to start from.</summary>
    public string? Model { get; init; }

    /// <summary><c>translategemma</c> or <c>brief</c>.</summary>
    public string? Prompt { get; init; }

    /// <summary><c>auto</c>, <c>chat</c> or <c>plain</c>.</summary>
    public string? PromptTemplate { get; init; }

    /// <summary>Settings of the training.</summary>
    public TrainingRequest? Training { get; init; }
}

/// <summary>The corpus; fields as in <see cref="Orchestrations.DataSpec"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record DataRequest
{
    /// <summary>Training pairs.</summary>
    public string? Train { get; init; }

    /// <summary>Test pairs.</summary>
    public string? Test { get; init; }

    /// <summary>Share held out without a test file.</summary>
    public double? TestFraction { get; init; }

    /// <summary>Most test pairs.</summary>
    public int? MaxTestPairs { get; init; }

    /// <summary>Validation pairs.</summary>
    public string? Validation { get; init; }
}

/// <summary>TPU types, zones and provisioning; fields as in <see cref="Orchestrations.TpuSpec"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TpuRequest
{
    /// <summary>Accelerator types.</summary>
    public IReadOnlyList<string>? AcceleratorTypes { get; init; }

    /// <summary>Zones.</summary>
    public IReadOnlyList<string>? Zones { get; init; }

    /// <summary><c>cost</c> or <c>listed</c>: the order in which places are tried.</summary>
    public string? Order { get; init; }

    /// <summary><c>spot</c>, <c>on-demand</c> or <c>flex-start</c>.</summary>
    public string? Provisioning { get; init; }

    /// <summary>The TPU VM's image.</summary>
    public string? RuntimeVersion { get; init; }

    /// <summary>Seconds without a TPU after which the run fails.</summary>
    public double? AcquireTimeoutSeconds { get; init; }

    /// <summary><c>node</c> or <c>queued-resource</c>: the way to ask for a node.</summary>
    public string? Request { get; init; }

    /// <summary>Seconds for which a queued resource waits in one place.</summary>
    public double? QueueSeconds { get; init; }

    /// <summary>Hours after which the cloud deletes a flex-start node.</summary>
    public double? MaxRunHours { get; init; }

    /// <summary><c>on-demand</c> or <c>none</c>: what follows when spot is no longer enough.</summary>
    public string? Fallback { get; init; }

    /// <summary><c>cheaper</c> or <c>none</c>: whether a working run goes over to a cheaper spot node.</summary>
    public string? Move { get; init; }

    /// <summary>The highest price of a place, in US dollars an hour.</summary>
    public double? MaxUsdPerHour { get; init; }

    /// <summary>Nodes that the cloud may take from the run.</summary>
    public int? MaxPreemptions { get; init; }

    /// <summary>Nodes and workers of the run that may fail.</summary>
    public int? MaxFailures { get; init; }

    /// <summary>VPC network.</summary>
    public string? Network { get; init; }

    /// <summary>Subnetwork of the network.</summary>
    public string? Subnetwork { get; init; }

    /// <summary>Service account of the TPU VM.</summary>
    public string? ServiceAccount { get; init; }

    /// <summary>Gets a value indicating whether the TPU VM has an external IP address.</summary>
    public bool? ExternalIp { get; init; }

    /// <summary>Accepts zones that the price catalog does not have.</summary>
    public bool? AllowUnknownZones { get; init; }
}

/// <summary>Settings of the training; fields as in <see cref="Orchestrations.TrainingSpec"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TrainingRequest
{
    /// <summary>Optimizer steps.</summary>
    public int? Steps { get; init; }

    /// <summary>Pairs computed at once.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Batches of a step.</summary>
    public int? AccumulationSteps { get; init; }

    /// <summary><c>full</c> or <c>lora</c>.</summary>
    public string? Method { get; init; }

    /// <summary>The adapter's shape.</summary>
    public LoraRequest? Lora { get; init; }

    /// <summary><c>cosine</c>, <c>linear</c>, <c>constant</c> or <c>inverse-sqrt</c>.</summary>
    public string? Schedule { get; init; }

    /// <summary>Gets a value indicating whether short pairs share a row.</summary>
    public bool? Pack { get; init; }

    /// <summary>Largest global norm of a gradient.</summary>
    public double? MaxGradientNorm { get; init; }

    /// <summary>Validation while training.</summary>
    public ValidationRequest? Validation { get; init; }

    /// <summary><c>last</c> or <c>best</c>.</summary>
    public string? Keep { get; init; }

    /// <summary>Number of training checkpoints that are kept.</summary>
    public int? KeepCheckpoints { get; init; }

    /// <summary>Highest learning rate.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Steps of warm-up.</summary>
    public int? WarmupSteps { get; init; }

    /// <summary>Decoupled weight decay.</summary>
    public double? WeightDecay { get; init; }

    /// <summary>Longest example in tokens.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Steps between checkpoints.</summary>
    public int? CheckpointEverySteps { get; init; }

    /// <summary>Seed of the data order.</summary>
    public int? Seed { get; init; }
}

/// <summary>The adapter's shape; fields as in <see cref="Orchestrations.LoraSpec"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record LoraRequest
{
    /// <summary>Rank.</summary>
    public int? Rank { get; init; }

    /// <summary>Scale.</summary>
    public double? Alpha { get; init; }

    /// <summary>Dropout.</summary>
    public double? Dropout { get; init; }

    /// <summary>Linear layers.</summary>
    public IReadOnlyList<string>? Targets { get; init; }

    /// <summary>Rank-stabilised scale.</summary>
    public bool? RankStabilized { get; init; }
}

/// <summary>Validation while training; fields as in <see cref="Orchestrations.ValidationSpec"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ValidationRequest
{
    /// <summary><c>loss</c> or <c>chrf</c>.</summary>
    public string? Metric { get; init; }

    /// <summary>Steps between two measurements.</summary>
    public int? EverySteps { get; init; }

    /// <summary>Measurements without a better one before the training stops.</summary>
    public int? Patience { get; init; }

    /// <summary>Most pairs.</summary>
    public int? MaxPairs { get; init; }
}

/// <summary>Settings of the evaluation; fields as in <see cref="Orchestrations.EvaluationSpec"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record EvaluationRequest
{
    /// <summary>Longest translation in tokens.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Sentences decoded at once.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Beams; 1 is greedy.</summary>
    public int? BeamSize { get; init; }

    /// <summary>Length penalty of beam search.</summary>
    public double? LengthPenalty { get; init; }

    /// <summary><c>refuse</c> or <c>truncate</c>.</summary>
    public string? LongInput { get; init; }

    /// <summary>BLEU's tokenizer.</summary>
    public string? BleuTokenizer { get; init; }

    /// <summary>Samples of the paired bootstrap.</summary>
    public int? BootstrapSamples { get; init; }

    /// <summary>Seed of the paired bootstrap.</summary>
    public int? Seed { get; init; }
}

/// <summary>The rehearsal.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RehearsalRequest
{
    /// <summary>Scenario file of the emulator; null for a cloud without faults.</summary>
    public string? Scenario { get; init; }
}
