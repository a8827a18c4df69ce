namespace Workflows.TpuWorker.Pjrt.Processes;

/// <summary>A child process to start.</summary>
public sealed record ChildProcessOptions
{
    /// <summary>Gets the program.</summary>
    public required string Program { get; init; }

    /// <summary>Gets its arguments.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>
    /// Gets variables in addition to this process's own, such as those that a plugin reads when it is loaded.
    /// </summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Gets a receiver of each line of its standard error; null for none.</summary>
    public Action<string>? ErrorLine { get; init; }

    /// <summary>Gets a receiver of the notes that it sends while it works; null for none.</summary>
    public Action<ReadOnlyMemory<byte>>? Note { get; init; }

    /// <summary>Gets the clock of the deadlines.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
