using System.Runtime.InteropServices;
using System.Text;

namespace Workflows.TpuWorker.Pjrt.Native;

/// <summary>Arrays of <c>PJRT_NamedValue</c>: options to write, attributes to read.</summary>
/// <remarks>
/// Values are <see cref="string"/>, <see cref="long"/>, <c>long[]</c>, <see cref="float"/> or <see cref="bool"/>; an
/// <see cref="int"/> is written as a <see cref="long"/>.
/// </remarks>
internal static unsafe class NamedValues
{
    private const int Size = 56, NameOffset = 16, TypeOffset = 32, ValueOffset = 40, CountOffset = 48;

    private enum Kind
    {
        Text = 0,
        Integer = 1,
        Integers = 2,
        Real = 3,
        Flag = 4,
    }

    /// <summary>Writes options.</summary>
    /// <param name="options">Values by their names.</param>
    /// <param name="arena">Memory for them.</param>
    /// <returns>Address of the array; null if there are none.</returns>
    /// <exception cref="ArgumentException">A value has another type.</exception>
    public static nint Write(IReadOnlyDictionary<string, object> options, NativeArena arena)
    {
        if (options.Count == 0)
        {
            return 0;
        }

        var first = arena.Allocate<byte>(options.Count * Size);
        var each = first;
        foreach (var (name, value) in options)
        {
            // The plugin strides through the array by its own size, so each element has exactly the declared one.
            var (address, bytes) = arena.Text(name);
            Put(each, 0, (nuint)Size);
            Put(each, NameOffset, address);
            Put(each, NameOffset + sizeof(nint), bytes);
            WriteValue(each, name, value, arena);
            each += Size;
        }

        return first;
    }

    /// <summary>Reads attributes that the plugin owns.</summary>
    /// <param name="first">Address of the array.</param>
    /// <param name="count">Number of elements.</param>
    /// <returns>Values by their names; those of an unknown type are omitted.</returns>
    public static Dictionary<string, object> Read(nint first, nuint count)
    {
        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        if (count == 0)
        {
            return values;
        }

        // The size in the plugin's build, and the padding that its compiler adds between elements.
        var stride = (nint)((Take<nuint>(first, 0) + 7) & ~(nuint)7);
        for (var index = 0; index < (nint)count; index++)
        {
            var each = first + (index * stride);
            var name = Text(Take<nint>(each, NameOffset), Take<nuint>(each, NameOffset + sizeof(nint)));
            if (ReadValue(each) is { } value)
            {
                values[name] = value;
            }
        }

        return values;
    }

    private static void WriteValue(nint each, string name, object value, NativeArena arena)
    {
        switch (value)
        {
            case string text:
                var (address, bytes) = arena.Text(text);
                Put(each, Kind.Text, address, bytes);
                break;
            case bool flag:
                Put(each, Kind.Flag, (byte)(flag ? 1 : 0), 1);
                break;
            case int number:
                Put(each, Kind.Integer, (long)number, 1);
                break;
            case long number:
                Put(each, Kind.Integer, number, 1);
                break;
            case long[] numbers:
                Put(each, Kind.Integers, arena.Copy<long>(numbers), (nuint)numbers.Length);
                break;
            case float number:
                Put(each, Kind.Real, number, 1);
                break;
            default:
                throw new ArgumentException(
                    $"The option '{name}' is a {value.GetType()}: give a string, bool, int, long, long[] or float.");
        }
    }

    private static object? ReadValue(nint each) => Take<Kind>(each, TypeOffset) switch
    {
        Kind.Text => Text(Take<nint>(each, ValueOffset), Take<nuint>(each, CountOffset)),
        Kind.Integer => Take<long>(each, ValueOffset),
        Kind.Integers => new ReadOnlySpan<long>(
            (void*)Take<nint>(each, ValueOffset), checked((int)Take<nuint>(each, CountOffset))).ToArray(),
        Kind.Real => Take<float>(each, ValueOffset),
        Kind.Flag => Take<byte>(each, ValueOffset) != 0,
        _ => null,
    };

    private static string Text(nint address, nuint bytes) =>
        Encoding.UTF8.GetString(new ReadOnlySpan<byte>((void*)address, checked((int)bytes)));

    private static void Put<T>(nint each, Kind kind, T value, nuint count)
        where T : unmanaged
    {
        Put(each, TypeOffset, kind);
        Put(each, ValueOffset, value);
        Put(each, CountOffset, count);
    }

    private static void Put<T>(nint address, int offset, T value)
        where T : unmanaged =>
        MemoryMarshal.Write(new Span<byte>((void*)(address + offset), sizeof(T)), value);

    private static T Take<T>(nint address, int offset)
        where T : unmanaged =>
        MemoryMarshal.Read<T>(new ReadOnlySpan<byte>((void*)(address + offset), sizeof(T)));
}
