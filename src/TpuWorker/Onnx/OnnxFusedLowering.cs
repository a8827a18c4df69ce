using static Workflows.TpuWorker.Onnx.OnnxWriter;

namespace Workflows.TpuWorker.Onnx;

/// <summary>Lowers operations that consist of several elementary ones. The runtime merges repeated parts.</summary>
internal static class OnnxFusedLowering
{
    public static string Softmax(LoweringCall c) => c.Writer.Emit("Softmax", c.Operands, Integer("axis", -1));

    public static string SoftmaxGradient(LoweringCall c) => OverRows(c, "SoftmaxGradient");

    public static string RmsNorm(LoweringCall c) => c.Writer.Emit(
        "RMSNormalization", [c[0], OnePlus(c.Writer, c[1])],
        Integer("axis", -1), Number("epsilon", c.Attributes.Scalar));

    public static string RmsNormGradient(LoweringCall c) => OverRows(c, "RmsNormGradient");

    public static string RmsNormScaleGradient(LoweringCall c) => OverRows(c, "RmsNormScaleGradient");

    public static string GeluTanh(LoweringCall c) =>
        c.Writer.Emit("Gelu", c.Operands, Text("approximate", "tanh"));

    public static string GeluTanhGradient(LoweringCall c) => OverRows(c, "GeluTanhGradient");

    public static string Rope(LoweringCall c)
    {
        var w = c.Writer;
        var (batch, length, heads, width) = (c.Node.Shape[0], c.Node.Shape[1], c.Node.Shape[2], c.Node.Shape[3]);
        var flat = w.Emit("Reshape", [c[0], w.Longs(batch, length, heads * width)]);
        var sines = c.Attributes.Inverse ? w.Emit("Neg", [c[2]]) : c[2];
        var turned = w.Emit("RotaryEmbedding", [flat, c[1], sines], Integer("num_heads", heads));
        return w.Emit("Reshape", [turned, w.ShapeOf(c.Node.Shape)]);
    }

    public static string CrossEntropy(LoweringCall c) => OverRows(c, "CrossEntropy");

    public static string CrossEntropyGradient(LoweringCall c) => OverRows(c, "CrossEntropyGradient");

    public static string Dropout(LoweringCall c) => OverRows(c, "Dropout");

    /// <summary>Writes a managed kernel over the rows of its first operand, along that one's last axis.</summary>
    private static string OverRows(LoweringCall c, string kernel)
    {
        var shape = c.ShapeOf(0);
        var width = shape.Rank == 0 ? 1 : shape[^1];
        return c.Writer.EmitKernel(
            kernel, c.Operands, c.Node.Shape, shape.LeadingCount(), width, c.Attributes.Start, c.Attributes.Scalar);
    }

    private static string OnePlus(OnnxWriter w, string value) => w.Emit("Add", [value, w.Scalar(1)]);
}
