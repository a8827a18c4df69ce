namespace Workflows.TpuWorker.Pjrt;

/// <summary>Options of one execution.</summary>
public sealed record PjrtExecuteOptions
{
    /// <summary>Gets the numbers of arguments that must survive although the program would reuse their
    /// memory.</summary>
    public IReadOnlyList<int> NotDonated { get; init; } = [];

    /// <summary>Gets the device of a portable program; null for the device for which it was compiled.</summary>
    public PjrtDevice? Device { get; init; }

    /// <summary>Gets a number that must be equal on all hosts of a launch; 0 for a single host.</summary>
    public int LaunchId { get; init; }
}

/// <summary>A running or finished execution. Disposal frees the outputs that were not taken.</summary>
public sealed class PjrtExecution : IDisposable
{
    /// <summary>Keeps the outputs.</summary>
    internal PjrtExecution(IReadOnlyList<IReadOnlyList<PjrtBuffer>> outputs, Task completed) =>
        (Outputs, Completed) = (outputs, completed);

    /// <summary>Gets the outputs of the program, for each device in the order of the program.</summary>
    public IReadOnlyList<IReadOnlyList<PjrtBuffer>> Outputs { get; }

    /// <summary>Gets the end of the work; fails with a <see cref="PjrtException"/> if the work failed.</summary>
    public Task Completed { get; }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var buffer in Outputs.SelectMany(list => list))
        {
            buffer.Dispose();
        }
    }
}
