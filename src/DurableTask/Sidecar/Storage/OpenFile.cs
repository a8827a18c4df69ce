namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>
/// Tells whether the files that are open are still the ones at their paths. SQLite goes on writing to a file that was
/// deleted or replaced under it, and everything written then is gone with the process.
/// </summary>
internal sealed class OpenFile : IDisposable
{
    private readonly Held _database;
    private readonly Held _log;

    /// <param name="path">A file that SQLite has open, with its write-ahead log. The handles here must outlive
    /// SQLite's: the system drops a process's locks on a file when the process closes any handle of it.</param>
    public OpenFile(string path)
    {
        _database = new Held(path);
        _log = new Held(path + "-wal");
    }

    /// <summary>Gets a value indicating whether the file and its write-ahead log are where they were.</summary>
    public bool IsInPlace => _database.IsInPlace && _log.IsInPlace;

    public void Dispose()
    {
        _log.Dispose();
        _database.Dispose();
    }

    private sealed class Held : IDisposable
    {
        private readonly string _path;
        private readonly FileStream _handle;
        private readonly string? _link;
        private readonly string? _at;

        public Held(string path)
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

        public bool IsInPlace => _link is null
            ? File.Exists(_path)
            : File.ResolveLinkTarget(_link, returnFinalTarget: false)?.FullName == _at;

        public void Dispose() => _handle.Dispose();
    }
}
