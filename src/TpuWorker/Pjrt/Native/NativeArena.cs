using System.Runtime.InteropServices;
using System.Text;

namespace Workflows.TpuWorker.Pjrt.Native;

/// <summary>Unmanaged memory for the arguments of one call, freed together.</summary>
internal sealed unsafe class NativeArena : IDisposable
{
    private readonly List<nint> _blocks = [];

    /// <summary>Copies values.</summary>
    /// <returns>Address of the first; null for an empty span.</returns>
    public nint Copy<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        if (values.IsEmpty)
        {
            return 0;
        }

        var address = Allocate<T>(values.Length);
        values.CopyTo(new Span<T>((void*)address, values.Length));
        return address;
    }

    /// <summary>Allocates zeroed elements.</summary>
    /// <returns>Address of the first; never null.</returns>
    public nint Allocate<T>(int count)
        where T : unmanaged
    {
        var address = (nint)NativeMemory.AllocZeroed((nuint)Math.Max(1, count), (nuint)sizeof(T));
        _blocks.Add(address);
        return address;
    }

    /// <summary>Copies text as UTF-8 without a terminator.</summary>
    /// <returns>Address and bytes.</returns>
    public (nint Address, nuint Bytes) Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return (Copy<byte>(bytes), (nuint)bytes.Length);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var block in _blocks)
        {
            NativeMemory.Free((void*)block);
        }

        _blocks.Clear();
    }
}
