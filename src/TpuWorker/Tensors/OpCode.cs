namespace Workflows.TpuWorker.Tensors;

/// <summary>
/// The closed set of operations. Each has one row in <see cref="OpTable"/> and one in every target's lowering table;
/// tests hold both complete.
/// </summary>
internal enum OpCode
{
    Input,
    Constant,
    Splat,
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
    Exp,
    Log,
    Sqrt,
    Tanh,
    Scale,
    MatMul,
    Reshape,
    Transpose,
    Slice,
    Pad,
    Concat,
    ReduceSum,
    BroadcastTo,
    Gather,
    ScatterAdd,
    Softmax,
    SoftmaxGradient,
    RmsNorm,
    RmsNormGradient,
    RmsNormScaleGradient,
    GeluTanh,
    GeluTanhGradient,
    Rope,
    CrossEntropy,
    CrossEntropyGradient,
    Dropout,
}
