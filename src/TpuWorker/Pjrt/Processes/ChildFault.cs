namespace Workflows.TpuWorker.Pjrt.Processes;

/// <summary>The ways in which a child process fails.</summary>
public enum ChildFault
{
    /// <summary>It did not answer in time and was killed.</summary>
    Hang,

    /// <summary>It ended with an exit code.</summary>
    Exit,

    /// <summary>A signal ended it: an abort or a crash of the plugin, or lack of memory.</summary>
    Signal,

    /// <summary>It wrote bytes that are not a message and was killed.</summary>
    Garbled,

    /// <summary>It is alive, but its device is lost.</summary>
    DeviceLost,

    /// <summary>It is alive, but could not do the request.</summary>
    Refused,
}

/// <summary>The exception of a child process that failed.</summary>
public sealed class ChildFaultException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="fault">The kind of failure.</param>
    /// <param name="message">The cause as a sentence.</param>
    /// <param name="lastLines">The last lines of its standard error.</param>
    internal ChildFaultException(ChildFault fault, string message, IReadOnlyList<string> lastLines)
        : base(lastLines.Count == 0 ? message : $"{message} Its last lines: {string.Join(" | ", lastLines)}")
    {
        (Fault, LastLines) = (fault, lastLines);
    }

    /// <summary>Gets the kind of failure.</summary>
    public ChildFault Fault { get; }

    /// <summary>Gets a value indicating whether the child is gone, so that another must be started.</summary>
    public bool IsGone => Fault is ChildFault.Hang or ChildFault.Exit or ChildFault.Signal or ChildFault.Garbled;

    /// <summary>Gets the exit code of <see cref="ChildFault.Exit"/>.</summary>
    public int? ExitCode { get; init; }

    /// <summary>Gets the number of the signal of <see cref="ChildFault.Signal"/>, 6 for an abort for example.</summary>
    public int? SignalNumber { get; init; }

    /// <summary>Gets the plugin's code, if the plugin refused.</summary>
    public PjrtErrorCode? PluginCode { get; init; }

    /// <summary>Gets the last lines of its standard error, which are all that a plugin that aborts leaves.</summary>
    public IReadOnlyList<string> LastLines { get; }
}
