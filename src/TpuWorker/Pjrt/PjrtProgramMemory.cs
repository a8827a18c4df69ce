namespace Workflows.TpuWorker.Pjrt;

/// <summary>Memory of one execution of a program, in bytes, as its compiler counts it.</summary>
public sealed record PjrtProgramMemory
{
    /// <summary>Gets the bytes of code on the device.</summary>
    public required long Code { get; init; }

    /// <summary>Gets the bytes of the arguments, donated ones among them.</summary>
    public required long Arguments { get; init; }

    /// <summary>Gets the bytes of the outputs, those in donated memory among them.</summary>
    public required long Outputs { get; init; }

    /// <summary>Gets the bytes of outputs that lie in donated arguments.</summary>
    public required long Aliased { get; init; }

    /// <summary>Gets the bytes that the program needs besides while it runs.</summary>
    public required long Temporaries { get; init; }

    /// <summary>Gets the bytes of code on the host.</summary>
    public required long HostCode { get; init; }

    /// <summary>Gets the bytes of arguments on the host.</summary>
    public required long HostArguments { get; init; }

    /// <summary>Gets the bytes of outputs on the host.</summary>
    public required long HostOutputs { get; init; }

    /// <summary>Gets the bytes of outputs on the host that lie in donated arguments.</summary>
    public required long HostAliased { get; init; }

    /// <summary>Gets the bytes on the host that the program needs besides while it runs.</summary>
    public required long HostTemporaries { get; init; }

    /// <summary>
    /// Gets the device memory that must be free: arguments, outputs that are not in them, temporaries, code.
    /// </summary>
    public long Total => Arguments + Outputs - Aliased + Temporaries + Code;
}
