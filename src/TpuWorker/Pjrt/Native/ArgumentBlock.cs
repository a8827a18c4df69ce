using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Workflows.TpuWorker.Pjrt.Native;

/// <summary>
/// Arguments of one call: a zeroed block that is larger than the argument structure of any known API version and has
/// its size in its first field. A plugin refuses a structure smaller than its own and ignores a longer rest, and every
/// field that a later version appended reads as zero, which means "not used". One block therefore serves older and
/// newer plugins.
/// </summary>
/// <remarks>Only for structures that are passed by pointer: a plugin strides through arrays by its own size.</remarks>
[InlineArray(Bytes / sizeof(ulong))]
internal struct ArgumentBlock
{
    /// <summary>Size of the block; the largest known structure has 192 bytes.</summary>
    public const int Bytes = 256;

    private ulong _structSize;

    /// <summary>Creates an empty block.</summary>
    public static ArgumentBlock Create() => new() { _structSize = Bytes };

    /// <summary>Writes a field.</summary>
    public void Set<T>(int offset, T value)
        where T : unmanaged
    {
        Span<ulong> words = this;
        MemoryMarshal.Write(MemoryMarshal.AsBytes(words)[offset..], value);
    }

    /// <summary>Reads a field.</summary>
    public readonly T Get<T>(int offset)
        where T : unmanaged
    {
        ReadOnlySpan<ulong> words = this;
        return MemoryMarshal.Read<T>(MemoryMarshal.AsBytes(words)[offset..]);
    }

    /// <summary>Reads a C <c>bool</c>.</summary>
    public readonly bool Flag(int offset) => Get<byte>(offset) != 0;

    /// <summary>Reads an array that the plugin owns.</summary>
    /// <param name="pointer">Offset of the pointer to its first element.</param>
    /// <param name="count">Offset of the number of elements, a <c>size_t</c>.</param>
    public readonly unsafe T[] Array<T>(int pointer, int count)
        where T : unmanaged =>
        new ReadOnlySpan<T>((void*)Get<nint>(pointer), checked((int)Get<nuint>(count))).ToArray();

    /// <summary>Reads UTF-8 text that the plugin owns.</summary>
    public readonly string Text(int pointer, int count) => Encoding.UTF8.GetString(Array<byte>(pointer, count));
}
