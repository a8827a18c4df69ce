namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>
/// Tells whether the file that is open is still the one at its path. SQLite goes on writing to a file that was deleted
/// or replaced under it, and everything written then is gone with the process.
/// </summary>
internal sealed class OpenFile : IDisposable
{
    private readonly string _path;
    private readonly FileStream _handle;
    private readonly string? _link;
    private readonly string? _at;

    /// <param name="path">A file that SQLite has open. The handle here must outlive SQLite's: the system drops a
    /// process's locks on a file when the process closes any handle of it.</param>
    public OpenFile(string path)
    {
        _path = path;
        _handle = new FileStream(
            path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1);
        if (OperatingSystem.IsLinux())
        {
            // The system keeps this link at the file's present name, whatever becomes of the path.
            _link = $"/proc/self/fd/{_handle.SafeFileHandle.DangerousGetHandle()}";
            _at = File.ResolveLinkTarget(_link, returnFinalTarget: false)?.FullName;
        }
    }

    /// <summary>Whether the file and its write-ahead log are where they were.</summary>
    public bool IsInPlace =>
        (_link is null
            ? File.Exists(_path)
            : File.ResolveLinkTarget(_link, returnFinalTarget: false)?.FullName == _at)
        && File.Exists(_path + "-wal");

    public void Dispose() => _handle.Dispose();
}
