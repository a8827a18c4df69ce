namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>Which weights shrink by the weight decay.</summary>
public enum WeightDecayScope
{
    /// <summary>Matrices, the embedding included, but not the norms' scales.</summary>
    Matrices,

    /// <summary>All of them.</summary>
    All,
}
