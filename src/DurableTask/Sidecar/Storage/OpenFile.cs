namespace Workflows.DurableTask.Sidecar.Storage;

/// <summary>
/// Checks whether the open files are still the ones at their paths. SQLite continues to write to a file that was
/// deleted or replaced, and everything written then is lost with the process.
/// </summary>
internal sealed class OpenFile : IDisposable
{
    private readonly Held _database;
    private readonly Held _log;

    /// <param name="path">A file that SQLite has open, with its write-ahead log. The handles here must outlive
    /// SQLite's, since the system drops a process's locks on a file when the process closes any handle of it.</param>
    public OpenFile(string path)
    {
        _database = new Held(path);
        _log = new Held(path + "-wal");
    }

    /// <summary>Gets a value indicating whether the file and its write-ahead log are still at their paths.</summary>
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
                // The system keeps this link at the file's present name, even if the path changes.
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
