using System.Globalization;
using System.Text;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.StableHlo;

/// <summary>Writes operations in MLIR's generic form, each result with a number of its own.</summary>
internal sealed class StableHloWriter
{
    private readonly StringBuilder _text = new();
    private int _names;

    public override string ToString() => _text.ToString();

    public void Line(string line) => _text.Append(line).Append('\n');

    public string NewName() => string.Create(CultureInfo.InvariantCulture, $"%{_names++}");

    /// <summary>Formats a type: <c>tensor&lt;2x3xf32&gt;</c>.</summary>
    public static string TypeOf(DType type, Shape shape)
    {
        var text = new StringBuilder("tensor<");
        foreach (var size in shape.Dimensions)
        {
            text.Append(CultureInfo.InvariantCulture, $"{size}x");
        }

        return text.Append(ElementOf(type)).Append('>').ToString();
    }

    public static string TypeOf(Node node) => TypeOf(node.DType, node.Shape);

    public static string ElementOf(DType type) => type switch
    {
        DType.Float32 => "f32",
        DType.Int32 => "i32",
        DType.BFloat16 => "bf16",
        DType.UInt32 => "ui32",
        _ => "i1",
    };

    /// <summary>Formats an array: <c>array&lt;i64: 1, 2&gt;</c>.</summary>
    public static string Longs(IEnumerable<int> values)
    {
        var list = string.Join(", ", values.Select(value => value.ToString(CultureInfo.InvariantCulture)));
        return list.Length == 0 ? "array<i64>" : $"array<i64: {list}>";
    }

    public static string List(IEnumerable<int> values) =>
        $"[{string.Join(", ", values.Select(value => value.ToString(CultureInfo.InvariantCulture)))}]";

    /// <summary>Writes an operation with one result.</summary>
    /// <param name="op">Name without the dialect.</param>
    /// <param name="operands">Values and their types.</param>
    /// <param name="result">Type of the result.</param>
    /// <param name="attributes">Attributes, without the braces; empty for none.</param>
    /// <param name="region">Lines between the braces of a region; null for none.</param>
    public string Emit(
        string op, IReadOnlyList<(string Value, string Type)> operands, string result, string attributes = "",
        Action? region = null)
    {
        var name = NewName();
        _text.Append(CultureInfo.InvariantCulture, $"{name} = \"stablehlo.{op}\"(");
        _text.AppendJoin(", ", operands.Select(operand => operand.Value)).Append(')');
        if (attributes.Length > 0)
        {
            _text.Append(" <{").Append(attributes).Append("}>");
        }

        if (region is not null)
        {
            _text.Append(" ({\n");
            region();
            _text.Append("})");
        }

        _text.Append(" : (").AppendJoin(", ", operands.Select(operand => operand.Type));
        _text.Append(CultureInfo.InvariantCulture, $") -> {result}\n");
        return name;
    }

    /// <summary>Writes a tensor filled with one number.</summary>
    public string Splat(DType type, Shape shape, double value) => Emit(
        "constant", [], TypeOf(type, shape),
        $"value = dense<{(shape.ElementCount == 0 ? string.Empty : Literal(type, value))}> : {TypeOf(type, shape)}");

    /// <summary>Writes values that are part of the program.</summary>
    public string Constant(HostTensor tensor)
    {
        var type = TypeOf(tensor.DType, tensor.Shape);
        Func<int, string> literal = tensor.DType switch
        {
            DType.Float32 => i => Literal(DType.Float32, tensor.Floats[i]),
            DType.Int32 => i => Literal(DType.Int32, tensor.Ints[i]),
            DType.BFloat16 => i => string.Create(CultureInfo.InvariantCulture, $"0x{tensor.BFloat16Bits[i]:X4}"),
            DType.UInt32 => i => Literal(DType.UInt32, tensor.UInts[i]),
            _ => i => tensor.Bools[i] ? "true" : "false",
        };
        var text = new StringBuilder();
        var next = 0;
        Nested(text, tensor.Shape, 0, literal, ref next);
        return Emit("constant", [], type, $"value = dense<{text}> : {type}");
    }

    private static void Nested(StringBuilder text, Shape shape, int axis, Func<int, string> literal, ref int next)
    {
        if (axis == shape.Rank)
        {
            text.Append(literal(next++));
            return;
        }

        text.Append('[');
        for (var i = 0; i < shape[axis]; i++)
        {
            text.Append(i > 0 ? ", " : string.Empty);
            Nested(text, shape, axis + 1, literal, ref next);
        }

        text.Append(']');
    }

    /// <summary>
    /// Formats a number that MLIR reads back exactly: nine digits, always with a point; bits if it is not finite.
    /// </summary>
    private static string Literal(DType type, double value) => type switch
    {
        DType.Bool => value != 0 ? "true" : "false",
        DType.Int32 or DType.UInt32 => ((long)value).ToString(CultureInfo.InvariantCulture),
        DType.BFloat16 => string.Create(CultureInfo.InvariantCulture, $"0x{DTypes.ToBFloat16Bits((float)value):X4}"),
        _ => double.IsFinite(value)
            ? value.ToString("0.0#######E+0", CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"0x{BitConverter.SingleToUInt32Bits((float)value):X8}"),
    };
}
