namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The outcome of a training that reached its last step.</summary>
/// <param name="Steps">Steps done in all.</param>
/// <param name="ResumedFromStep">The step of the checkpoint from which this run resumed; 0 for none.</param>
/// <param name="Tokens">Tokens, padding not counted, of all steps.</param>
/// <param name="FirstLoss">Loss of the very first step.</param>
/// <param name="FinalLoss">Loss of the last step.</param>
/// <param name="Duration">Wall-clock time of this run only.</param>
/// <param name="SkippedExamples">Examples left out because they are longer than the options allow.</param>
/// <param name="DamagedCheckpoints">
/// Checkpoints that were skipped because they were damaged, with the reasons.
/// </param>
/// <param name="CheckpointPath">The last checkpoint.</param>
public sealed record TrainingResult(
    int Steps,
    int ResumedFromStep,
    long Tokens,
    double FirstLoss,
    double FinalLoss,
    TimeSpan Duration,
    int SkippedExamples,
    IReadOnlyList<string> DamagedCheckpoints,
    string CheckpointPath)
{
    /// <summary>The step whose weights are the result: the last, or the best by the validation.</summary>
    public int OutputStep { get; init; }

    /// <summary>Gets a value indicating whether patience ran out before the last step.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Gets a value indicating whether <see cref="FineTuneOptions.FinishAfterStep"/> ended the training before
    /// its last step.</summary>
    public bool FinishedEarly { get; init; }

    /// <summary>The best score on the validation set; null without one.</summary>
    public double? BestScore { get; init; }

    /// <summary>The step after which it was measured; 0 without one.</summary>
    public int BestStep { get; init; }

    /// <summary>Examples of one pass at the end.</summary>
    public int PassSize { get; init; }

    /// <summary>Weights that were trained.</summary>
    public long TrainedParameters { get; init; }
}
