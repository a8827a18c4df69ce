namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The weights to which weight decay applies.</summary>
public enum WeightDecayScope
{
    /// <summary>Matrices, including the embedding, but not the norms' scales.</summary>
    Matrices,

    /// <summary>All weights.</summary>
    All,
}
