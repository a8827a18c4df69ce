namespace Workflows.TpuWorker.Tensors;

/// <summary>What an operation needs besides its operands; each op's row says which of these it reads.</summary>
internal sealed record OpAttributes
{
    public static OpAttributes None { get; } = new();

    /// <summary>Name of an input.</summary>
    public string? Name { get; init; }

    /// <summary>Element type of an input or splat.</summary>
    public DType DType { get; init; } = DType.Float32;

    /// <summary>Target shape of an input, splat, reshape or broadcast.</summary>
    public Shape? Shape { get; init; }

    /// <summary>Values of a constant.</summary>
    public HostTensor? Value { get; init; }

    /// <summary>Permutation of a transpose, or the axes of a reduction (ascending).</summary>
    public IReadOnlyList<int> Axes { get; init; } = [];

    /// <summary>Axis of a slice, pad or concat.</summary>
    public int Axis { get; init; }

    /// <summary>First index of a slice; zeros in front for a pad; stream of a dropout.</summary>
    public int Start { get; init; }

    /// <summary>Length of a slice; size of the axis after a pad.</summary>
    public int Length { get; init; }

    /// <summary>Factor of a scale or matrix product, fill of a splat, epsilon of a norm, share of a dropout.</summary>
    public float Scalar { get; init; } = 1;

    /// <summary>The left matrix is used transposed (last two axes).</summary>
    public bool TransposeLeft { get; init; }

    /// <summary>The right matrix is used transposed (last two axes).</summary>
    public bool TransposeRight { get; init; }

    /// <summary>Rotate backwards, which is the gradient of rotating forwards.</summary>
    public bool Inverse { get; init; }
}
