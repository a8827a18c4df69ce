namespace Workflows.TpuWorker.Pjrt;

/// <summary>Memory of one execution of a program, in bytes, as its compiler counts it.</summary>
public sealed record PjrtProgramMemory
{
    /// <summary>Gets the bytes of code on the device.</summary>
    public required long Code { get; init; }

    /// <summary>Gets the bytes of the arguments, including donated ones.</summary>
    public required long Arguments { get; init; }

    /// <summary>Gets the bytes of the outputs, including those in donated memory.</summary>
    public required long Outputs { get; init; }

    /// <summary>Gets the bytes of outputs in the memory of donated arguments.</summary>
    public required long Aliased { get; init; }

    /// <summary>Gets the bytes of temporary values while the program runs.</summary>
    public required long Temporaries { get; init; }

    /// <summary>Gets the bytes of code on the host.</summary>
    public required long HostCode { get; init; }

    /// <summary>Gets the bytes of arguments on the host.</summary>
    public required long HostArguments { get; init; }

    /// <summary>Gets the bytes of outputs on the host.</summary>
    public required long HostOutputs { get; init; }

    /// <summary>Gets the bytes of outputs on the host in the memory of donated arguments.</summary>
    public required long HostAliased { get; init; }

    /// <summary>Gets the bytes of temporary values on the host while the program runs.</summary>
    public required long HostTemporaries { get; init; }

    /// <summary>
    /// Gets the device memory that must be free: arguments, outputs that are not in them, temporaries, code.
    /// </summary>
    public long Total => Arguments + Outputs - Aliased + Temporaries + Code;
}
