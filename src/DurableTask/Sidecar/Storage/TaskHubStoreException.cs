namespace Workflows.DurableTask.Sidecar;

/// <summary>The reason why a task hub's file cannot be used.</summary>
public enum TaskHubStoreError
{
    /// <summary>Another process, or another engine in this one, has the file open.</summary>
    InUse,

    /// <summary>A newer release of this program wrote the file.</summary>
    NewerSchema,

    /// <summary>The file is damaged, or is not a task hub.</summary>
    Corrupt,

    /// <summary>The disk failed to read or write.</summary>
    Io,
}

/// <summary>A task hub's file cannot be used. Nothing was written to it.</summary>
/// <param name="error">The reason.</param>
/// <param name="path">The file.</param>
/// <param name="detail">The finding.</param>
/// <param name="inner">The cause.</param>
public sealed class TaskHubStoreException(
    TaskHubStoreError error, string path, string detail, Exception? inner = null)
    : Exception($"The task hub '{path}' cannot be used ({error}): {detail}", inner)
{
    /// <summary>The reason why the file cannot be used.</summary>
    public TaskHubStoreError Error { get; } = error;

    /// <summary>The file.</summary>
    public string Path { get; } = path;
}
