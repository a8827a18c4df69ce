using System.Runtime.InteropServices;
using Google.Protobuf;
using Workflows.TpuWorker.Onnx.Format;
using Workflows.TpuWorker.Onnx.Kernels;
using Workflows.TpuWorker.Tensors;
using static Workflows.TpuWorker.Onnx.Format.AttributeProto.Types;

namespace Workflows.TpuWorker.Onnx;

/// <summary>Collects the nodes and initializers of one ONNX graph. Values are referred to by their names.</summary>
internal sealed class OnnxWriter
{
    public const string MicrosoftDomain = "com.microsoft";
    private const int FloatType = 1;
    private const int Int32Type = 6;
    private const int Int64Type = 7;

    // IR version 11 belongs to opset 23.
    private const int IrVersion = 11;
    private const int OpsetVersion = 23;

    private readonly GraphProto _graph = new() { Name = "program" };
    private readonly Dictionary<string, string> _constants = new(StringComparer.Ordinal);
    private int _names;

    /// <summary>Adds a node with one result and returns the result's name.</summary>
    public string Emit(string op, IReadOnlyList<string> inputs, params IReadOnlyList<AttributeProto> attributes) =>
        EmitIn("", op, inputs, attributes);

    public string EmitIn(
        string domain, string op, IReadOnlyList<string> inputs, params IReadOnlyList<AttributeProto> attributes)
    {
        var result = NewName();
        var node = new NodeProto { OpType = op, Domain = domain, Name = $"{op}_{result}" };
        node.Input.AddRange(inputs);
        node.Output.Add(result);
        node.Attribute.AddRange(attributes);
        _graph.Node.Add(node);
        return result;
    }

    /// <summary>
    /// Adds one of the managed kernels, with the result's shape, so that the runtime can plan its memory.
    /// </summary>
    public string EmitKernel(
        string kernel, IReadOnlyList<string> inputs, Shape result, long rows, long width, long other, float scalar)
    {
        var sizes = Sizes(result);
        if (sizes.Length > KernelSizes.MaxRank)
        {
            throw new TensorShapeException(kernel, "rank", $"{sizes.Length}", $"{KernelSizes.MaxRank} at most");
        }

        var name = EmitIn(
            ManagedKernels.Domain, kernel, inputs,
            [
                Integer("rows", rows), Integer("width", width), Integer("other", other), Number("scalar", scalar),
                Integer("rank", sizes.Length), .. sizes.Select((size, axis) => Integer($"size{axis}", size)),
            ]);
        _graph.ValueInfo.Add(ValueInfo(name, DType.Float32, result));
        return name;
    }

    /// <summary>Adds a scalar initializer; equal ones are shared.</summary>
    public string Scalar(float value) => Shared(
        $"f{BitConverter.SingleToInt32Bits(value)}", FloatType, [], MemoryMarshal.AsBytes<float>([value]));

    /// <summary>Adds a vector of indices or sizes; equal ones are shared.</summary>
    public string Longs(params ReadOnlySpan<long> values) => Shared(
        $"i{string.Join(',', values.ToArray())}", Int64Type, [values.Length], MemoryMarshal.AsBytes(values));

    public string ShapeOf(Shape shape) => Longs(Sizes(shape));

    public string Initializer(HostTensor tensor)
    {
        var bytes = tensor.DType == DType.Float32
            ? MemoryMarshal.AsBytes<float>(tensor.Floats)
            : MemoryMarshal.AsBytes<int>(tensor.Ints);
        return AddInitializer(TypeOf(tensor.DType), Sizes(tensor.Shape), bytes);
    }

    /// <summary>Adds a tensor of one repeated value, created when the program runs instead of stored.</summary>
    public string Filled(Shape shape, float value)
    {
        var fill = new TensorProto { DataType = FloatType };
        fill.Dims.Add(1);
        fill.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>([value]));
        return Emit("ConstantOfShape", [ShapeOf(shape)], new AttributeProto
        {
            Name = "value",
            Type = AttributeType.Tensor,
            T = fill,
        });
    }

    public void Input(string name, DType type, Shape shape) => _graph.Input.Add(ValueInfo(name, type, shape));

    /// <summary>Adds an output with a fixed name; a copy node allows one value to have several names.</summary>
    public void Output(string name, string value, DType type, Shape shape)
    {
        var node = new NodeProto { OpType = "Identity", Name = $"output_{name}" };
        node.Input.Add(value);
        node.Output.Add(name);
        _graph.Node.Add(node);
        _graph.Output.Add(ValueInfo(name, type, shape));
    }

    public byte[] ToModel()
    {
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "workflows", Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = OpsetVersion });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = MicrosoftDomain, Version = 1 });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = ManagedKernels.Domain, Version = 1 });
        return model.ToByteArray();
    }

    public static AttributeProto Integer(string name, long value) =>
        new() { Name = name, Type = AttributeType.Int, I = value };

    public static AttributeProto Number(string name, float value) =>
        new() { Name = name, Type = AttributeType.Float, F = value };

    public static AttributeProto Text(string name, string value) =>
        new() { Name = name, Type = AttributeType.String, S = ByteString.CopyFromUtf8(value) };

    public static AttributeProto Integers(string name, IEnumerable<int> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeType.Ints };
        attribute.Ints.AddRange(values.Select(value => (long)value));
        return attribute;
    }

    public static long[] Sizes(Shape shape) => Array.ConvertAll(shape.Dimensions.ToArray(), size => (long)size);

    private static int TypeOf(DType type) => type == DType.Float32 ? FloatType : Int32Type;

    private static ValueInfoProto ValueInfo(string name, DType type, Shape shape)
    {
        var sizes = new TensorShapeProto();
        sizes.Dim.AddRange(Sizes(shape).Select(size => new TensorShapeProto.Types.Dimension { DimValue = size }));
        var tensor = new TypeProto.Types.Tensor { ElemType = TypeOf(type), Shape = sizes };
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }

    private string Shared(string key, int type, ReadOnlySpan<long> sizes, ReadOnlySpan<byte> bytes)
    {
        if (!_constants.TryGetValue(key, out var name))
        {
            name = AddInitializer(type, sizes, bytes);
            _constants.Add(key, name);
        }

        return name;
    }

    private string AddInitializer(int type, ReadOnlySpan<long> sizes, ReadOnlySpan<byte> bytes)
    {
        var tensor = new TensorProto { DataType = type, Name = NewName(), RawData = ByteString.CopyFrom(bytes) };
        foreach (var size in sizes)
        {
            tensor.Dims.Add(size);
        }

        _graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    private string NewName() => $"v{_names++}";
}
