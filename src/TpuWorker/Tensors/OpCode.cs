namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// The closed set of operations; the op table has the operands and attributes of each. Each has one row in that table
/// and one in every target's lowering table; tests check that both are complete.
/// </summary>
public enum OpCode
{
    /// <summary>A tensor given at run time by name.</summary>
    Input,

    /// <summary>Values fixed when the graph is built.</summary>
    Constant,

    /// <summary>A shape filled with one number.</summary>
    Splat,

    /// <summary>a + b, broadcasting as in NumPy.</summary>
    Add,

    /// <summary>a - b, broadcasting.</summary>
    Subtract,

    /// <summary>a * b, broadcasting.</summary>
    Multiply,

    /// <summary>a / b, broadcasting.</summary>
    Divide,

    /// <summary>-x.</summary>
    Negate,

    /// <summary>e to the power of x.</summary>
    Exp,

    /// <summary>The natural logarithm.</summary>
    Log,

    /// <summary>The square root.</summary>
    Sqrt,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh,

    /// <summary>x times a number.</summary>
    Scale,

    /// <summary>A matrix product over the last two axes, scaled, either side transposed or not.</summary>
    MatMul,

    /// <summary>The same elements in row-major order under another shape.</summary>
    Reshape,

    /// <summary>Axes in another order.</summary>
    Transpose,

    /// <summary>A range of one axis.</summary>
    Slice,

    /// <summary>One axis padded with zeros in front and at the end: the inverse of a slice.</summary>
    Pad,

    /// <summary>Operands one after the other along one axis.</summary>
    Concat,

    /// <summary>A sum over axes, which stay with size 1.</summary>
    ReduceSum,

    /// <summary>Axes of size 1 and missing ones repeated.</summary>
    BroadcastTo,

    /// <summary>Rows of a table by number.</summary>
    Gather,

    /// <summary>A table with rows added to it by number.</summary>
    ScatterAdd,

    /// <summary>Softmax over the last axis.</summary>
    Softmax,

    /// <summary>The gradient of softmax from its result.</summary>
    SoftmaxGradient,

    /// <summary>Root-mean-square normalization over the last axis, times 1 + w.</summary>
    RmsNorm,

    /// <summary>The gradient of the normalization by x.</summary>
    RmsNormGradient,

    /// <summary>The gradient of the normalization by w.</summary>
    RmsNormScaleGradient,

    /// <summary>GELU in its tanh form.</summary>
    GeluTanh,

    /// <summary>The gradient of GELU by x.</summary>
    GeluTanhGradient,

    /// <summary>Rotary position embedding of each head.</summary>
    Rope,

    /// <summary>Minus the logarithm of softmax at the label, for each row.</summary>
    CrossEntropy,

    /// <summary>The gradient of the cross entropy by the logits.</summary>
    CrossEntropyGradient,

    /// <summary>Dropout: a share of the elements becomes 0, the others are scaled up to compensate.</summary>
    Dropout,

    /// <summary>The sine of an angle.</summary>
    Sine,

    /// <summary>The cosine of an angle.</summary>
    Cosine,

    /// <summary>The same values in another element type, rounded to nearest.</summary>
    Convert,

    /// <summary>The index along one axis.</summary>
    Iota,

    /// <summary>The result of a comparison, broadcasting.</summary>
    Compare,

    /// <summary>One of two values, selected by a Boolean; broadcasting.</summary>
    Select,

    /// <summary>Logical and of Booleans, or bitwise and of numbers; broadcasting.</summary>
    And,

    /// <summary>Logical exclusive or of Booleans, or bitwise exclusive or of numbers; broadcasting.</summary>
    Xor,

    /// <summary>Logical right shift; broadcasting.</summary>
    ShiftRight,

    /// <summary>The larger of two, broadcasting.</summary>
    Maximum,

    /// <summary>The smaller of two, broadcasting.</summary>
    Minimum,

    /// <summary>The maximum over axes, which stay with size 1.</summary>
    ReduceMax,

    /// <summary>The index of the maximum over the last axis, which stays with size 1.</summary>
    ArgMax,

    /// <summary>The indices of the largest over the last axis, the largest first.</summary>
    TopK,

    /// <summary>A range of one axis whose start is given at run time.</summary>
    DynamicSlice,

    /// <summary>A tensor with a range of one axis replaced, whose start is given at run time.</summary>
    DynamicUpdateSlice,

    /// <summary>The value itself, as a barrier for optimizations.</summary>
    Barrier,

    /// <summary>A loop with a fixed number of rounds; <see cref="ScanResult"/> selects its results.</summary>
    Scan,

    /// <summary>A result of a loop: a carried value after the last round, or a value of every round.</summary>
    ScanResult,
}
