namespace Workflows.TpuWorker.Tensors;

/// <summary>The parameters of an operation besides its operands; each op's row lists those that it reads.</summary>
public sealed record OpAttributes
{
    /// <summary>Gets the attributes of an operation that needs none.</summary>
    public static OpAttributes None { get; } = new();

    /// <summary>Gets the name of an input.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// Gets the element type of an input, splat or iota, of the result of a conversion, or of a product of
    /// <see cref="DType.BFloat16"/>; sums are single precision in any case.
    /// </summary>
    public DType DType { get; init; } = DType.Float32;

    /// <summary>Gets a value indicating whether an input is state that the program updates.</summary>
    public bool IsState { get; init; }

    /// <summary>Gets the target shape of an input, splat, iota, reshape or broadcast.</summary>
    public Shape? Shape { get; init; }

    /// <summary>Gets the values of a constant.</summary>
    public HostTensor? Value { get; init; }

    /// <summary>Gets the permutation of a transpose, or the axes of a reduction (ascending).</summary>
    public IReadOnlyList<int> Axes { get; init; } = [];

    /// <summary>Gets the axis of a slice, pad, concat or iota.</summary>
    public int Axis { get; init; }

    /// <summary>
    /// Gets the first index of a slice, the zeros in front for a pad, the stream of a dropout, or the number of a
    /// loop's result.
    /// </summary>
    public int Start { get; init; }

    /// <summary>Gets the length of a slice, the size of the axis after a pad, or the number of results of a
    /// top-k.</summary>
    public int Length { get; init; }

    /// <summary>
    /// Gets the factor of a scale or matrix product, fill of a splat, epsilon of a norm or share of a dropout.
    /// </summary>
    public float Scalar { get; init; } = 1;

    /// <summary>Gets a value indicating whether the left matrix is used transposed (last two axes).</summary>
    public bool TransposeLeft { get; init; }

    /// <summary>Gets a value indicating whether the right matrix is used transposed (last two axes).</summary>
    public bool TransposeRight { get; init; }

    /// <summary>
    /// Gets a value indicating whether to rotate backwards, which is the gradient of rotating forwards.
    /// </summary>
    public bool Inverse { get; init; }

    /// <summary>Gets the comparison.</summary>
    public Comparison Comparison { get; init; }

    /// <summary>Gets the precision with which a product of <see cref="DType.Float32"/> is computed.</summary>
    public ProductPrecision Precision { get; init; } = ProductPrecision.Highest;

    /// <summary>Gets the loop of a scan.</summary>
    public ScanLoop? Loop { get; init; }
}
