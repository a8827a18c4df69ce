using System.Buffers.Binary;
using System.Text;
using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3.Checkpoints;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class SafetensorsValuesTests
{
    [Fact]
    public void ReadFloats_MissingOrOfAnotherType_NamesTheTensor()
    {
        using var temporary = new TemporaryFolder();
        var path = temporary["x.safetensors"];
        File.WriteAllBytes(path, Bytes("""{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}|8"""));
        using var file = SafetensorsFile.Open(path);

        Assert.Contains("'a' is I64", Assert.Throws<ModelFileException>(
            () => file.ReadFloats("a")).Problem, StringComparison.Ordinal);
        Assert.Contains("'b' is missing", Assert.Throws<ModelFileException>(
            () => file.ReadFloats("b")).Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(WeightPrecision.F32, 0)]
    [InlineData(WeightPrecision.BF16, 1.0 / 256)]
    [InlineData(WeightPrecision.F16, 1.0 / 2048)]
    public void Write_ThenRead_GivesTheValuesAtThatPrecision(WeightPrecision precision, double relative)
    {
        using var temporary = new TemporaryFolder();
        var random = new Random(2);
        var values = Enumerable.Range(0, 70_000).Select(_ => (random.NextSingle() - 0.5f) * 8).ToArray();
        var tensors = new Dictionary<string, HostTensor>
        {
            ["wide"] = new(new Shape(7, 10_000), values),
            ["scalar"] = new(Shape.Scalar, [1.5f]),
            ["empty"] = new(new Shape(0, 3), Array.Empty<float>()),
            ["ids"] = new(new Shape(2), [7, -1]),
        };

        SafetensorsWriter.Write(temporary["x"], tensors, precision);

        using var file = SafetensorsFile.Open(temporary["x"]);
        var read = file.ReadFloats("wide").Floats;
        Assert.All(values.Zip(read), pair => Assert.Equal(pair.First, pair.Second, Math.Abs(pair.First) * relative));
        Assert.Equal(1.5f, file.ReadFloats("scalar").Floats[0]);
        Assert.Empty(file.ReadFloats("empty").Floats);
        Assert.Equal([7, -1], file.ReadInts("ids").Ints);
    }

    /// <summary>Larger than the pieces of reading and of writing, and a multiple of neither.</summary>
    [Theory]
    [InlineData(WeightPrecision.F32)]
    [InlineData(WeightPrecision.BF16)]
    public void Write_TensorOfSeveralPieces_ComesBack(WeightPrecision precision)
    {
        using var temporary = new TemporaryFolder();
        var values = Enumerable.Range(0, (2 << 20) + 77).Select(i => (float)(i % 128)).ToArray();
        var tensor = new HostTensor(new Shape(values.Length), values);

        SafetensorsWriter.Write(
            temporary["x"], new Dictionary<string, HostTensor> { ["a"] = tensor }, precision);

        using var file = SafetensorsFile.Open(temporary["x"]);
        Assert.Equal(values, file.ReadFloats("a").Floats);
    }

    [Theory]
    [InlineData(1.00390625f, 0x3F80)]
    [InlineData(1.01171875f, 0x3F82)]
    [InlineData(float.PositiveInfinity, 0x7F80)]
    [InlineData(float.NaN, 0xFFC0)]
    public void Narrow_TiesAndSpecialValues_RoundToEven(float value, int bits) =>
        Assert.Equal(bits, BrainFloat.Narrow(value));

    private static byte[] Bytes(string content)
    {
        var parts = content.Split('|');
        var header = Encoding.UTF8.GetBytes(parts[0]);
        var bytes = new byte[8 + header.Length + (parts.Length > 1 ? int.Parse(parts[1]) : 0)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)header.Length);
        header.CopyTo(bytes, 8);
        return bytes;
    }
}
