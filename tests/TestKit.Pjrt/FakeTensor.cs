using System.Runtime.InteropServices;

namespace Workflows.TestKit.Pjrt;

/// <summary>An array of the fake device: dense, the last dimension fastest.</summary>
/// <param name="Type">The element type's number in <c>PJRT_Buffer_Type</c>.</param>
/// <param name="Sizes">The sizes; none for a scalar.</param>
/// <param name="Bytes">The elements, little-endian.</param>
public sealed record FakeTensor(int Type, IReadOnlyList<long> Sizes, byte[] Bytes)
{
    private const int Binary32 = 11;

    /// <summary>Gets the elements as numbers of 32 bits.</summary>
    public float[] Floats => MemoryMarshal.Cast<byte, float>(Bytes).ToArray();

    /// <summary>Makes an array of 32-bit floats.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="sizes">The sizes; none for a scalar.</param>
    /// <returns>The array.</returns>
    public static FakeTensor Of(ReadOnlySpan<float> values, params long[] sizes) =>
        new(Binary32, sizes, MemoryMarshal.AsBytes(values).ToArray());
}

/// <summary>A program that the fake plugin runs in place of a text.</summary>
/// <param name="Run">Gives the outputs for the arguments; runs once for each device.</param>
public sealed record FakeProgram(Func<IReadOnlyList<FakeTensor>, IReadOnlyList<FakeTensor>> Run)
{
    /// <summary>Gets empty arrays of the outputs' types and sizes.</summary>
    public required IReadOnlyList<FakeTensor> Outputs { get; init; }

    /// <summary>Gets the output that takes an argument's memory, by the argument's number.</summary>
    public IReadOnlyDictionary<int, int> Donated { get; init; } = new Dictionary<int, int>();

    /// <summary>Gets the number of arguments.</summary>
    public required int ArgumentCount { get; init; }
}
