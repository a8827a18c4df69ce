namespace Workflows.ModelFiles;

/// <summary>The precision of weights in a file. In memory they are always single precision.</summary>
public enum WeightPrecision
{
    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>The upper half of single precision, rounded to nearest even.</summary>
    BF16,

    /// <summary>IEEE half precision.</summary>
    F16,
}
