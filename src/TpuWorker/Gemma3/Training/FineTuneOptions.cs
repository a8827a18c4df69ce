using Workflows.TpuWorker.Gemma3.Lora;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// Options of fine-tuning. All but <see cref="Threads"/> and the checkpoint settings affect the result.
/// </summary>
public sealed class FineTuneOptions
{
    /// <summary>Number of optimizer steps.</summary>
    /// <value>1 or more; default 100.</value>
    public int Steps { get; set; } = 100;

    /// <summary>
    /// Numbers of steps that this training had before it was changed. Their checkpoints are continued, with the
    /// learning rate that the schedule of <see cref="Steps"/> has from there on.
    /// </summary>
    /// <value>Each 1 or more; default empty: only checkpoints of the same number of steps are continued.</value>
    public IReadOnlyList<int> EarlierSteps { get; set; } = [];

    /// <summary>Examples computed at once.</summary>
    /// <value>1 or more; default 16.</value>
    public int BatchSize { get; set; } = 16;

    /// <summary>Batches whose gradients make up one step, weighted by their answer tokens.</summary>
    /// <value>1 or more; default 1.</value>
    public int AccumulationSteps { get; set; } = 1;

    /// <summary>Peak of the learning rate.</summary>
    /// <value>Above 0; default 1e-4.</value>
    public double LearningRate { get; set; } = 1e-4;

    /// <summary>Steps over which the rate rises from 0; step n runs at (n - 1) / this of the peak.</summary>
    /// <value>0 or more; default 0.</value>
    public int WarmupSteps { get; set; }

    /// <summary>The course of the rate after the warm-up.</summary>
    /// <value>Default <see cref="LearningRateDecay.Cosine"/>.</value>
    public LearningRateDecay Decay { get; set; }

    /// <summary>
    /// Gets or sets a value indicating whether several short examples of a batch share a row. The batch keeps its
    /// examples, so the result is that of the batch without packing except for rounding; packing saves padding.
    /// </summary>
    /// <value>Default false.</value>
    public bool Pack { get; set; }

    /// <summary>
    /// Examples of one pass, for a batch that does not fit in memory at once: a step's gradients are then summed over
    /// several passes. If memory runs out during a training, this is halved until it fits.
    /// </summary>
    /// <value>1 or more; null (the default) for the whole batch.</value>
    public int? MicroBatchSize { get; set; }

    /// <summary>Share of a weight that is subtracted each step, times the learning rate (decoupled, as in
    /// AdamW).</summary>
    /// <value>0 or more; default 0.</value>
    public double WeightDecay { get; set; }

    /// <summary>The weights that decay.</summary>
    /// <value>Default <see cref="WeightDecayScope.Matrices"/>.</value>
    public WeightDecayScope WeightDecayScope { get; set; } = WeightDecayScope.Matrices;

    /// <summary>Largest global norm of a gradient; larger ones are scaled down to it.</summary>
    /// <value>Above 0; infinity for never; default 1.</value>
    public double MaxGradientNorm { get; set; } = 1;

    /// <summary>Decay of the running mean of gradients.</summary>
    /// <value>0 to below 1; default 0.9.</value>
    public double Beta1 { get; set; } = 0.9;

    /// <summary>Decay of the running mean of squared gradients.</summary>
    /// <value>0 to below 1; default 0.999.</value>
    public double Beta2 { get; set; } = 0.999;

    /// <summary>Added to the root of the mean square.</summary>
    /// <value>Above 0; default 1e-8.</value>
    public double Epsilon { get; set; } = 1e-8;

    /// <summary>Longest example in tokens; longer ones are left out and counted.</summary>
    /// <value>2 or more; default 512.</value>
    public int MaxLength { get; set; } = 512;

    /// <summary>Seed of the data order.</summary>
    /// <value>Default 0.</value>
    public ulong Seed { get; set; }

    /// <summary>The low-rank adapter to train; the model's own weights then stay unchanged.</summary>
    /// <value>null (the default) for full fine-tuning, which changes every weight.</value>
    public LoraOptions? Lora { get; set; }

    /// <summary>
    /// The step after which the training ends with the weights that it has, though its schedule is that of
    /// <see cref="Steps"/>. No part of the training's identity.
    /// </summary>
    /// <value>1 or more; null (the default) for the last step.</value>
    public int? FinishAfterStep { get; set; }

    /// <summary>Steps between two checkpoints; one is also written after the last step.</summary>
    /// <value>1 or more, or 0 for after the last only; default 100.</value>
    public int CheckpointEverySteps { get; set; } = 100;

    /// <summary>Number of the newest checkpoints that are kept.</summary>
    /// <value>1 or more; default 2.</value>
    public int KeepCheckpoints { get; set; } = 2;

    /// <summary>
    /// Gets or sets a value indicating whether checkpoints are written while training continues, from a copy. This
    /// takes three times the memory of the trained weights, and is not done if the limit does not allow it.
    /// </summary>
    /// <value>Default true.</value>
    public bool WriteCheckpointsInBackground { get; set; } = true;

    /// <summary>Memory limit: a training that needs more by the estimate is refused.</summary>
    /// <value>Bytes; null (the default) for the memory of the container or the machine.</value>
    public long? MemoryLimitBytes { get; set; }

    /// <summary>Threads of the numeric loops.</summary>
    /// <value>1 or more; default 2.</value>
    public int Threads { get; set; } = 2;

    /// <summary>Examples of the first pass.</summary>
    internal int PassSize => Math.Min(MicroBatchSize ?? BatchSize, BatchSize);

    internal FineTuneOptions Clone() => (FineTuneOptions)MemberwiseClone();

    internal void Validate()
    {
        Require(Steps >= 1, nameof(Steps), Steps, "1 or more");
        Require(
            EarlierSteps.All(steps => steps >= 1), nameof(EarlierSteps), EarlierSteps.DefaultIfEmpty(1).Min(),
            "1 or more each");
        Require(BatchSize >= 1, nameof(BatchSize), BatchSize, "1 or more");
        Require(AccumulationSteps >= 1, nameof(AccumulationSteps), AccumulationSteps, "1 or more");
        Require(LearningRate > 0 && double.IsFinite(LearningRate), nameof(LearningRate), LearningRate, "above 0");
        Require(WarmupSteps >= 0, nameof(WarmupSteps), WarmupSteps, "0 or more");
        Require(WeightDecay >= 0 && double.IsFinite(WeightDecay), nameof(WeightDecay), WeightDecay, "0 or more");
        Require(MaxGradientNorm > 0, nameof(MaxGradientNorm), MaxGradientNorm, "above 0");
        Require(Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "0 to below 1");
        Require(Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "0 to below 1");
        Require(Epsilon > 0, nameof(Epsilon), Epsilon, "above 0");
        Require(MaxLength >= 2, nameof(MaxLength), MaxLength, "2 or more");
        Require(CheckpointEverySteps >= 0, nameof(CheckpointEverySteps), CheckpointEverySteps, "0 or more");
        Require(KeepCheckpoints >= 1, nameof(KeepCheckpoints), KeepCheckpoints, "1 or more");
        Require(MicroBatchSize is null or >= 1, nameof(MicroBatchSize), MicroBatchSize ?? 0, "1 or more");
        Require(MemoryLimitBytes is null or >= 1, nameof(MemoryLimitBytes), MemoryLimitBytes ?? 0, "1 or more");
        Require(FinishAfterStep is null or >= 1, nameof(FinishAfterStep), FinishAfterStep ?? 0, "1 or more");
        Require(Threads >= 1, nameof(Threads), Threads, "1 or more");
        Lora?.Validate();
    }

    private static void Require(bool holds, string name, double got, string wanted)
    {
        if (!holds)
        {
            throw new ModelInputException(name, $"is {got}, wanted {wanted}");
        }
    }
}
