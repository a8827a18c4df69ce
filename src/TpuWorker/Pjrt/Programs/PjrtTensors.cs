using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Pjrt.Programs;

/// <summary>
/// Tensors that stay on a device under their names, such as weights, moments and a cache. Several programs can read and
/// replace them. They are copied to the host only on request. Not thread-safe.
/// </summary>
/// <param name="client">The client, whose first devices hold them.</param>
/// <param name="partition">The partition of tensors over devices; null for all on the first device.</param>
public sealed class PjrtTensors(PjrtClient client, StableHloPartition? partition = null) : IDisposable
{
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Gets the bytes of all tensors on the device, with their padding.</summary>
    public long Bytes => _entries.Values.SelectMany(entry => entry.Buffers).Sum(buffer => buffer.OnDeviceBytes);

    /// <summary>Returns whether a tensor exists.</summary>
    /// <param name="name">The name.</param>
    /// <returns>true if it exists, and no failed program has taken it.</returns>
    public bool Contains(string name) => _entries.ContainsKey(name);

    /// <summary>Copies a tensor to the device in place of an old one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value; may be changed as soon as the call returns.</param>
    /// <exception cref="PjrtException">The plugin refuses, for example for lack of memory.</exception>
    public void Set(string name, HostTensor value)
    {
        // The old one is removed first, since two copies of a large tensor need not fit.
        Remove(name);
        var axis = partition?.AxisOf(name, value.Shape);
        _entries.Add(name, new Entry(
            Upload(client, value, partition?.Devices ?? 1, axis), value.DType, value.Shape, axis));
    }

    /// <summary>Copies a tensor to the host.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Its value.</returns>
    /// <exception cref="InvalidOperationException">It is not set, or was lost in a failed program.</exception>
    /// <exception cref="PjrtException">The program that computes it failed.</exception>
    public HostTensor Get(string name)
    {
        var entry = EntryOf(name);
        return Download(entry.DType, entry.Shape, entry.Axis, entry.Buffers);
    }

    /// <summary>Frees a tensor's memory.</summary>
    /// <param name="name">Its name; a missing one is no error.</param>
    public void Remove(string name)
    {
        if (_entries.Remove(name, out var old))
        {
            old.Dispose();
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var entry in _entries.Values)
        {
            entry.Dispose();
        }

        _entries.Clear();
    }

    /// <summary>Copies a tensor of the host to the first devices of a client, whole or split.</summary>
    internal static PjrtBuffer[] Upload(PjrtClient client, HostTensor tensor, int devices, int? axis)
    {
        var buffers = new List<PjrtBuffer>(devices);
        try
        {
            for (var device = 0; device < devices; device++)
            {
                var part = axis is { } split ? TensorParts.Cut(tensor, split, devices, device) : tensor;
                buffers.Add(Upload(client, part, client.AddressableDevices[device]));
            }

            return [.. buffers];
        }
        catch
        {
            buffers.ForEach(buffer => buffer.Dispose());
            throw;
        }
    }

    /// <summary>Copies the parts of an array to a tensor of the host.</summary>
    internal static HostTensor Download(DType type, Shape shape, int? axis, IReadOnlyList<PjrtBuffer> buffers)
    {
        if (axis is not { } split)
        {
            return Download(type, shape, buffers[0]);
        }

        var whole = HostTensor.Zeros(type, shape);
        var partShape = TensorParts.ShapeOf(shape, split, buffers.Count);
        for (var device = 0; device < buffers.Count; device++)
        {
            TensorParts.Paste(Download(type, partShape, buffers[device]), whole, split, device);
        }

        return whole;
    }

    /// <summary>Finds the buffers, one of each device, for an argument.</summary>
    internal IReadOnlyList<PjrtBuffer> BuffersOf(StableHloValue argument)
    {
        var entry = EntryOf(argument.Name);
        return entry.DType == argument.DType && entry.Shape.Equals(argument.Shape) && entry.Axis == argument.SplitAxis
            ? entry.Buffers
            : throw new TensorShapeException(
                "Run", $"input '{argument.Name}'", $"{entry.DType}{entry.Shape} split at {entry.Axis}",
                $"{argument.DType}{argument.Shape} split at {argument.SplitAxis}");
    }

    /// <summary>Takes ownership of a program's output in place of an old tensor.</summary>
    internal void Take(string name, StableHloValue output, IReadOnlyList<PjrtBuffer> buffers)
    {
        Remove(name);
        _entries.Add(name, new Entry(buffers, output.DType, output.Shape, output.SplitAxis));
    }

    /// <summary>Removes tensors whose memory a failed program has taken; a refused program has taken none.</summary>
    internal void ForgetLost()
    {
        foreach (var (name, entry) in _entries.Where(each => each.Value.IsLost).ToList())
        {
            entry.Dispose();
            _entries.Remove(name);
        }
    }

    private Entry EntryOf(string name) => _entries.TryGetValue(name, out var entry)
        ? entry
        : throw new InvalidOperationException(
            $"The tensor '{name}' is not set: set it first, and after a failed step.");

    private static unsafe PjrtBuffer Upload(PjrtClient client, HostTensor tensor, PjrtDevice device)
    {
        // A span has at most 2^31 - 1 bytes, a tensor may have four times as many.
        fixed (byte* first = &tensor.FirstByte)
        {
            var shape = new PjrtShape(TypeOf(tensor.DType), Sizes(tensor.Shape));
            return client.Upload((nint)first, shape.Bytes, shape, device);
        }
    }

    private static unsafe HostTensor Download(DType type, Shape shape, PjrtBuffer buffer)
    {
        var tensor = HostTensor.Zeros(type, shape);
        fixed (byte* first = &tensor.FirstByte)
        {
            buffer.Download((nint)first, new PjrtShape(TypeOf(type), Sizes(shape)).Bytes);
        }

        return tensor;
    }

    private static long[] Sizes(Shape shape) => [.. shape.Dimensions.ToArray().Select(size => (long)size)];

    private static PjrtElementType TypeOf(DType type) => type switch
    {
        DType.Float32 => PjrtElementType.F32,
        DType.Int32 => PjrtElementType.S32,
        DType.BFloat16 => PjrtElementType.BF16,
        DType.UInt32 => PjrtElementType.U32,
        DType.Bool => PjrtElementType.Pred,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "The element type has none of the plugin's."),
    };

    private sealed record Entry(IReadOnlyList<PjrtBuffer> Buffers, DType DType, Shape Shape, int? Axis)
    {
        public bool IsLost => Buffers.Any(buffer => buffer.IsDeleted);

        public void Dispose()
        {
            foreach (var buffer in Buffers)
            {
                buffer.Dispose();
            }
        }
    }
}
