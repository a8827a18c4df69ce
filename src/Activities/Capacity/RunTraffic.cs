using System.Globalization;
using Workflows.Activities.Data;
using Workflows.Activities.Deadlines;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>What a run moves between its bucket and its nodes, besides its model.</summary>
/// <param name="CorpusBytes">The prepared pairs, which each node reads; null if they were not counted.</param>
/// <param name="CheckpointBytes">One checkpoint; null if the trained weights were not counted.</param>
/// <param name="Checkpoints">Checkpoints that the training writes.</param>
/// <param name="ResultBytes">The tuned model.</param>
internal sealed record RunTraffic(long? CorpusBytes, double? CheckpointBytes, int Checkpoints, double ResultBytes)
{
    /// <summary>Bytes of a trained weight in a checkpoint: itself and its two moments, in 32 bits each.</summary>
    internal const double CheckpointWeight = 12;

    /// <summary>Bytes of a weight of the tuned model, in bfloat16.</summary>
    private const double ResultWeight = 2;

    /// <summary>Gets a value indicating whether the first node reads a checkpoint, too: the training is
    /// resumed.</summary>
    public bool BeginsWithCheckpoint { get; init; }

    /// <summary>Gets the steps between two checkpoints.</summary>
    public int EverySteps { get; init; }

    /// <summary>Gets what was counted and assumed, in words.</summary>
    public string Basis => CheckpointBytes is { } bytes
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"{Checkpoints} checkpoints of {bytes / 1e9:0.00##} GB: one for every {EverySteps} steps, each trained "
            + $"weight with two moments in 32 bits; a validation that keeps the best writes more")
            + (CorpusBytes is null ? "; the corpus was not counted" : "")
        : "The checkpoints were not counted: the model's configuration cannot be read, or nobody here builds programs";

    /// <summary>Counts the transfers of a run.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="figures">Counts the weights.</param>
    /// <param name="corpus">Size of its corpus; null if it was not read.</param>
    /// <param name="stepsDone">Steps of the checkpoint from which the training goes on.</param>
    /// <param name="isTrained">true if nothing is left to train.</param>
    /// <returns>The transfers.</returns>
    public static RunTraffic Of(
        RunSpec spec, RunFigures figures, CorpusSize? corpus, int stepsDone = 0, bool isTrained = false)
    {
        var steps = isTrained ? 0 : Math.Max(0, spec.Training.Steps - stepsDone);
        var time = figures.EstimateOf(spec.Tpu.AcceleratorTypes[0]);
        var every = CheckpointCadence.StepsOf(spec, time, time.Train / Math.Max(1, spec.Training.Steps));

        // Those of the multiples that are left, and of the last step.
        var count = steps == 0 ? 0
            : (spec.Training.Steps / every) - (stepsDone / every) + (spec.Training.Steps % every > 0 ? 1 : 0);
        return new RunTraffic(
            corpus?.Bytes, figures.TrainedParameters * CheckpointWeight, count,
            isTrained ? 0 : figures.Parameters * ResultWeight)
        {
            EverySteps = every,
            BeginsWithCheckpoint = stepsDone > 0 && !isTrained,
        };
    }
}
