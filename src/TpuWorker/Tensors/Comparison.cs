namespace Workflows.TpuWorker.Tensors;

/// <summary>Comparisons of two numbers. All but <see cref="NotEqual"/> are false if one is NaN.</summary>
public enum Comparison
{
    /// <summary>a = b.</summary>
    Equal,

    /// <summary>a is not b.</summary>
    NotEqual,

    /// <summary>a below b.</summary>
    Less,

    /// <summary>a at most b.</summary>
    LessOrEqual,

    /// <summary>a above b.</summary>
    Greater,

    /// <summary>a at least b.</summary>
    GreaterOrEqual,
}
