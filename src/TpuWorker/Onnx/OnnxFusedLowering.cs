using static Workflows.TpuWorker.Onnx.OnnxWriter;

namespace Workflows.TpuWorker.Onnx;

/// <summary>Lowerings of the operations that are several elementary ones. The runtime merges repeated parts.</summary>
internal static class OnnxFusedLowering
{
    private const float GeluInner = 0.044715f;
    private static readonly float GeluOuter = (float)Math.Sqrt(2 / Math.PI);

    public static string Softmax(LoweringCall c) => c.Writer.Emit("Softmax", c.Operands, Integer("axis", -1));

    public static string SoftmaxGradient(LoweringCall c)
    {
        var (w, y, dy) = (c.Writer, c[0], c[1]);
        var dot = SumLast(w, w.Emit("Mul", [y, dy]));
        return w.Emit("Mul", [y, w.Emit("Sub", [dy, dot])]);
    }

    public static string RmsNorm(LoweringCall c) => c.Writer.Emit(
        "RMSNormalization", [c[0], OnePlus(c.Writer, c[1])],
        Integer("axis", -1), Number("epsilon", c.Attributes.Scalar));

    public static string RmsNormGradient(LoweringCall c)
    {
        var w = c.Writer;
        var inverse = InverseRms(w, c[0], c.Attributes.Scalar);
        var normal = w.Emit("Mul", [c[0], inverse]);
        var scaled = w.Emit("Mul", [c[2], OnePlus(w, c[1])]);
        var mean = MeanLast(w, w.Emit("Mul", [scaled, normal]));
        return w.Emit("Mul", [w.Emit("Sub", [scaled, w.Emit("Mul", [normal, mean])]), inverse]);
    }

    public static string RmsNormScaleGradient(LoweringCall c)
    {
        var w = c.Writer;
        var normal = w.Emit("Mul", [c[0], InverseRms(w, c[0], c.Attributes.Scalar)]);
        var width = c.Node.Shape[0];
        var summed = OnnxLowering.SumRows(w, w.Emit("Mul", [c[1], normal]), c.ShapeOf(0).LeadingCount(), width);
        return w.Emit("Reshape", [summed, w.Longs(width)]);
    }

    public static string GeluTanh(LoweringCall c) =>
        c.Writer.Emit("Gelu", c.Operands, Text("approximate", "tanh"));

    /// <summary>
    /// With s = sigmoid(2u), u = a (x + b x^3): gelu = x s, so the slope is s + x s (1 - s) 2u'. One transcendental
    /// pass, as with tanh, and fewer elementwise ones.
    /// </summary>
    public static string GeluTanhGradient(LoweringCall c)
    {
        var (w, x, dy) = (c.Writer, c[0], c[1]);
        var twice = w.Scalar(2 * GeluOuter);
        var square = w.Emit("Mul", [x, x]);
        var cubic = w.Emit("Mul", [square, w.Scalar(2 * GeluOuter * GeluInner)]);
        var sigmoid = w.Emit("Sigmoid", [w.Emit("Mul", [x, w.Emit("Add", [cubic, twice])])]);
        var inner = w.Emit("Mul", [square, w.Scalar(6 * GeluOuter * GeluInner)]);
        var slope = w.Emit("Mul", [x, w.Emit("Add", [inner, twice])]);
        var rest = w.Emit("Mul", [w.Emit("Sub", [w.Scalar(1), sigmoid]), slope]);
        var factor = w.Emit("Mul", [sigmoid, w.Emit("Add", [rest, w.Scalar(1)])]);
        return w.Emit("Mul", [dy, factor]);
    }

    public static string Rope(LoweringCall c)
    {
        var w = c.Writer;
        var (batch, length, heads, width) = (c.Node.Shape[0], c.Node.Shape[1], c.Node.Shape[2], c.Node.Shape[3]);
        var flat = w.Emit("Reshape", [c[0], w.Longs(batch, length, heads * width)]);
        var sines = c.Attributes.Inverse ? w.Emit("Neg", [c[2]]) : c[2];
        var turned = w.Emit("RotaryEmbedding", [flat, c[1], sines], Integer("num_heads", heads));
        return w.Emit("Reshape", [turned, w.ShapeOf(c.Node.Shape)]);
    }

    public static string CrossEntropy(LoweringCall c)
    {
        var w = c.Writer;
        var logs = w.Emit("LogSoftmax", [c[0]], Integer("axis", -1));
        var picked = w.Emit("GatherElements", [logs, Column(c, 1)], Integer("axis", 1));
        return w.Emit("Reshape", [w.Emit("Neg", [picked]), w.ShapeOf(c.Node.Shape)]);
    }

    public static string CrossEntropyGradient(LoweringCall c)
    {
        var w = c.Writer;
        var upstream = Column(c, 2);
        var weighted = w.Emit("Mul", [w.Emit("Softmax", [c[0]], Integer("axis", -1)), upstream]);
        return w.Emit(
            "ScatterElements", [weighted, Column(c, 1), w.Emit("Neg", [upstream])],
            Integer("axis", 1), Text("reduction", "add"));
    }

    private static string Column(LoweringCall c, int operand) =>
        c.Writer.Emit("Reshape", [c[operand], c.Writer.Longs(c.ShapeOf(operand).Count, 1)]);

    private static string OnePlus(OnnxWriter w, string value) => w.Emit("Add", [value, w.Scalar(1)]);

    private static string SumLast(OnnxWriter w, string value) =>
        w.Emit("ReduceSum", [value, w.Longs(-1)], Integer("keepdims", 1));

    private static string MeanLast(OnnxWriter w, string value) =>
        w.Emit("ReduceMean", [value, w.Longs(-1)], Integer("keepdims", 1));

    private static string InverseRms(OnnxWriter w, string x, float epsilon)
    {
        var mean = MeanLast(w, w.Emit("Mul", [x, x]));
        return w.Emit("Reciprocal", [w.Emit("Sqrt", [w.Emit("Add", [mean, w.Scalar(epsilon)])])]);
    }
}
