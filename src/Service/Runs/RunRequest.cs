using System.Text.Json.Serialization;

namespace Workflows.Service.Runs;

/// <summary>A request as users write it: everything but model, data and accelerator has a default.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RunRequest
{
    /// <summary>The run's id; null: one is made.</summary>
    public string? Id { get; init; }

    /// <summary>A name for people; null: the id.</summary>
    public string? Name { get; init; }

    /// <summary>The Google Cloud project; needed unless the run is a rehearsal.</summary>
    public string? Project { get; init; }

    /// <summary><c>ko-en</c> or <c>en-ko</c>.</summary>
    public string? Direction { get; init; }

    /// <summary>Folder of the checkpoint to start from.</summary>
    public string? Model { get; init; }

    /// <summary><c>translategemma</c> or <c>brief</c>.</summary>
    public string? Prompt { get; init; }

    /// <summary>The corpus.</summary>
    public DataRequest? Data { get; init; }

    /// <summary>What to rent.</summary>
    public TpuRequest? Tpu { get; init; }

    /// <summary>How to train.</summary>
    public TrainingRequest? Training { get; init; }

    /// <summary>How to evaluate.</summary>
    public EvaluationRequest? Evaluation { get; init; }

    /// <summary>The most that the run may cost, in US dollars.</summary>
    public double? BudgetUsd { get; init; }

    /// <summary>Set: Google Cloud is the emulator, and this is what happens there.</summary>
    public RehearsalRequest? Rehearsal { get; init; }
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

    /// <summary>At most so many test pairs.</summary>
    public int? MaxTestPairs { get; init; }
}

/// <summary>What to rent; fields as in <see cref="Orchestrations.TpuSpec"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TpuRequest
{
    /// <summary>Accelerator types in order of preference.</summary>
    public IReadOnlyList<string>? AcceleratorTypes { get; init; }

    /// <summary>Zones in order.</summary>
    public IReadOnlyList<string>? Zones { get; init; }

    /// <summary><c>spot</c> or <c>on-demand</c>.</summary>
    public string? Provisioning { get; init; }

    /// <summary>The TPU VM's image.</summary>
    public string? RuntimeVersion { get; init; }

    /// <summary>Give up after so many seconds without a TPU.</summary>
    public double? AcquireTimeoutSeconds { get; init; }

    /// <summary>VPC network.</summary>
    public string? Network { get; init; }

    /// <summary>Service account of the TPU VM.</summary>
    public string? ServiceAccount { get; init; }
}

/// <summary>How to train; fields as in <see cref="Orchestrations.TrainingSpec"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TrainingRequest
{
    /// <summary>Optimizer steps.</summary>
    public int? Steps { get; init; }

    /// <summary>Pairs in a step.</summary>
    public int? BatchSize { get; init; }

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

/// <summary>How to evaluate; fields as in <see cref="Orchestrations.EvaluationSpec"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record EvaluationRequest
{
    /// <summary>Longest translation in tokens.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Sentences decoded at once.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Samples of the paired bootstrap.</summary>
    public int? BootstrapSamples { get; init; }

    /// <summary>Seed of the paired bootstrap.</summary>
    public int? Seed { get; init; }
}

/// <summary>The rehearsal.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record RehearsalRequest
{
    /// <summary>Scenario file of the emulator; null: a cloud without faults.</summary>
    public string? Scenario { get; init; }
}
