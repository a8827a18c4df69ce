using Workflows.TpuWorker.Pjrt.Native;

namespace Workflows.TpuWorker.Pjrt;

/// <summary>A compiled program, for the devices of a client or of a topology.</summary>
public sealed unsafe class PjrtExecutable : IDisposable
{
    private readonly PjrtHandle _handle;

    /// <summary>Takes ownership of an executable.</summary>
    internal PjrtExecutable(PjrtApi api, nint address, PjrtHandle parent) =>
        _handle = new PjrtHandle(api, address, PjrtFunction.ExecutableDestroy, parent);

    /// <summary>Gets the module's name.</summary>
    public string Name => Text(PjrtFunction.ExecutableName);

    /// <summary>Gets the number of outputs.</summary>
    public int OutputCount => checked((int)Number(PjrtFunction.ExecutableNumOutputs));

    /// <summary>Gets the number of replicas for which it was compiled.</summary>
    public int Replicas => checked((int)Number(PjrtFunction.ExecutableNumReplicas));

    /// <summary>Gets the number of partitions for which it was compiled.</summary>
    public int Partitions => checked((int)Number(PjrtFunction.ExecutableNumPartitions));

    /// <summary>Gets the bytes of code on the device; null if the plugin does not know.</summary>
    public long? CodeBytes
    {
        get
        {
            var arguments = ArgumentBlock.Create();
            return _handle.TryCallOn(null, PjrtFunction.ExecutableSizeOfGeneratedCodeInBytes, ref arguments)
                ? arguments.Get<long>(24)
                : null;
        }
    }

    /// <summary>
    /// Reads the types and sizes of the outputs, each for the whole array even if it is split over devices.
    /// </summary>
    /// <returns>One shape for each output.</returns>
    /// <exception cref="PjrtException">The plugin refuses.</exception>
    public IReadOnlyList<PjrtShape> ReadOutputShapes()
    {
        var types = ArgumentBlock.Create();
        _handle.Call(PjrtFunction.ExecutableOutputElementTypes, ref types);
        var sizes = ArgumentBlock.Create();
        _handle.Call(PjrtFunction.ExecutableOutputDimensions, ref sizes);
        var ranks = sizes.Array<nuint>(40, 24);
        var all = (long*)sizes.Get<nint>(32);
        var shapes = new List<PjrtShape>();
        foreach (var (type, rank) in types.Array<PjrtElementType>(24, 32).Zip(ranks))
        {
            shapes.Add(new PjrtShape(type, new ReadOnlySpan<long>(all, (int)rank)));
            all += rank;
        }

        return shapes;
    }

    /// <summary>Reads a digest that is equal for equal executables.</summary>
    /// <returns>The digest in the plugin's own form; null if the plugin has none.</returns>
    public string? ReadFingerprint()
    {
        var arguments = ArgumentBlock.Create();
        return _handle.TryCallOn(null, PjrtFunction.ExecutableFingerprint, ref arguments)
            ? Convert.ToHexStringLower(arguments.Array<byte>(24, 32))
            : null;
    }

    /// <summary>Reads the compiler's own estimate of the work of one execution on one device.</summary>
    /// <returns>
    /// Figures by their names, including <c>flops</c> and <c>bytes accessed</c>; null if the plugin has none. The body
    /// of a loop is counted once, for any trip count.
    /// </returns>
    public IReadOnlyDictionary<string, double>? ReadCost()
    {
        var arguments = ArgumentBlock.Create();
        if (!_handle.TryCallOn(null, PjrtFunction.ExecutableGetCostAnalysis, ref arguments))
        {
            return null;
        }

        var figures = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, value) in NamedValues.Read(arguments.Get<nint>(32), arguments.Get<nuint>(24)))
        {
            if (value is float or long)
            {
                figures[name] = value is float real ? real : (long)value;
            }
        }

        return figures;
    }

    /// <summary>Reads the memory that one execution takes on one device.</summary>
    /// <returns>The compiler's figures; null if the plugin has none.</returns>
    public PjrtProgramMemory? ReadMemory()
    {
        var arguments = ArgumentBlock.Create();
        if (!_handle.TryCallOn(null, PjrtFunction.ExecutableGetCompiledMemoryStats, ref arguments))
        {
            return null;
        }

        return new PjrtProgramMemory
        {
            Code = arguments.Get<long>(24),
            Arguments = arguments.Get<long>(32),
            Outputs = arguments.Get<long>(40),
            Aliased = arguments.Get<long>(48),
            Temporaries = arguments.Get<long>(56),
            HostCode = arguments.Get<long>(64),
            HostArguments = arguments.Get<long>(72),
            HostOutputs = arguments.Get<long>(80),
            HostAliased = arguments.Get<long>(88),
            HostTemporaries = arguments.Get<long>(96),
        };
    }

    /// <summary>Writes the executable as bytes that <see cref="PjrtClient.Load"/> reads.</summary>
    /// <returns>
    /// Bytes that only the same plugin and platform version can load, for the same topology: keep them under all three.
    /// </returns>
    /// <exception cref="PjrtException">The plugin does not support it.</exception>
    public byte[] Serialize()
    {
        var arguments = ArgumentBlock.Create();
        _handle.Call(PjrtFunction.ExecutableSerialize, ref arguments);
        return Serialized.Take(ref arguments);
    }

    /// <inheritdoc />
    public void Dispose() => _handle.Dispose();

    private string Text(PjrtFunction function)
    {
        var arguments = ArgumentBlock.Create();
        _handle.Call(function, ref arguments);
        return arguments.Text(24, 32);
    }

    private nuint Number(PjrtFunction function)
    {
        var arguments = ArgumentBlock.Create();
        _handle.Call(function, ref arguments);
        return arguments.Get<nuint>(24);
    }
}
