namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// The closed set of operations; the op table says of each which operands and attributes it takes. Each has one row in
/// that table and one in every target's lowering table; tests hold both complete.
/// </summary>
public enum OpCode
{
    /// <summary>A tensor given at run time by name.</summary>
    Input,

    /// <summary>Values fixed when the graph is built.</summary>
    Constant,

    /// <summary>A shape filled with one number.</summary>
    Splat,

    /// <summary>a + b, broadcasting as NumPy does.</summary>
    Add,

    /// <summary>a - b, broadcasting.</summary>
    Subtract,

    /// <summary>a * b, broadcasting.</summary>
    Multiply,

    /// <summary>a / b, broadcasting.</summary>
    Divide,

    /// <summary>-x.</summary>
    Negate,

    /// <summary>e to the x.</summary>
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

    /// <summary>One axis with zeros in front and behind: undoes a slice.</summary>
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

    /// <summary>A share of elements becomes 0, the others grow to make up for it.</summary>
    Dropout,

    /// <summary>The sine of an angle.</summary>
    Sine,

    /// <summary>The cosine of an angle.</summary>
    Cosine,

    /// <summary>The same values in another element type, rounded to nearest.</summary>
    Convert,

    /// <summary>The index along one axis.</summary>
    Iota,

    /// <summary>The truth of a comparison, broadcasting.</summary>
    Compare,

    /// <summary>One of two values by a truth value, broadcasting.</summary>
    Select,

    /// <summary>Both of two truth values, or the bits that both numbers have; broadcasting.</summary>
    And,

    /// <summary>The bits that one of two numbers has, or one of two truth values; broadcasting.</summary>
    Xor,

    /// <summary>The bits moved towards the lowest, zeros moving in; broadcasting.</summary>
    ShiftRight,

    /// <summary>The larger of two, broadcasting.</summary>
    Maximum,

    /// <summary>The smaller of two, broadcasting.</summary>
    Minimum,

    /// <summary>The largest over axes, which stay with size 1.</summary>
    ReduceMax,

    /// <summary>The index of the largest over the last axis, which stays with size 1.</summary>
    ArgMax,

    /// <summary>The indices of the largest over the last axis, the largest first.</summary>
    TopK,

    /// <summary>A range of one axis that begins where a number given at run time says.</summary>
    DynamicSlice,

    /// <summary>A tensor with a range of one axis replaced, beginning where a number given at run time says.</summary>
    DynamicUpdateSlice,

    /// <summary>The value itself, which no optimization looks through.</summary>
    Barrier,

    /// <summary>A loop with a fixed number of rounds; what it yields is picked by <see cref="ScanResult"/>.</summary>
    Scan,

    /// <summary>A result of a loop: a carried value after the last round, or a value of every round.</summary>
    ScanResult,
}
