namespace Workflows.TpuWorker.Gemma3;

/// <summary>How weights are stored in a file. In memory they are always single precision.</summary>
public enum WeightPrecision
{
    /// <summary>IEEE single precision.</summary>
    Float32,

    /// <summary>The upper half of single precision, rounded to nearest even.</summary>
    BFloat16,

    /// <summary>IEEE half precision.</summary>
    Float16,
}
