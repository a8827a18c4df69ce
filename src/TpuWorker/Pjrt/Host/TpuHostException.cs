namespace Workflows.TpuWorker.Pjrt.Host;

/// <summary>The reason why a host's TPU cannot be used.</summary>
public enum TpuProblem
{
    /// <summary>The host has no TPU chip.</summary>
    NoChips,

    /// <summary>
    /// The chips exist, but not their device nodes: a driver is missing, or a container was not given them.
    /// </summary>
    NoDeviceNodes,

    /// <summary>Another process has the chips.</summary>
    InUse,

    /// <summary>One process cannot use chips of that number or mixture.</summary>
    UnknownShape,
}

/// <summary>The exception of a host whose TPU cannot be used.</summary>
public sealed class TpuHostException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="problem">The reason.</param>
    /// <param name="message">Reason and fix as sentences.</param>
    /// <param name="inner">The plugin's own error, if there is one.</param>
    public TpuHostException(TpuProblem problem, string message, Exception? inner = null)
        : base(message, inner) => Problem = problem;

    /// <summary>Gets the reason.</summary>
    public TpuProblem Problem { get; }
}
