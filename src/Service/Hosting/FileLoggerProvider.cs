namespace Workflows.Service.Hosting;

/// <summary>
/// Writes the log to one file, for a service inside a command whose terminal belongs to the user. A line that the disk
/// refuses is lost and counted, and throws nothing, because the part that logs may be handling a fault of its own. The
/// next line opens the file again.
/// </summary>
internal sealed class FileLoggerProvider : ILoggerProvider
{
    private readonly Lock _lock = new();
    private readonly string _path;
    private StreamWriter? _writer;
    private long _lost;

    public FileLoggerProvider(string path)
    {
        // A file that cannot be opened at the start ends the start.
        (_path, _writer) = (path, Open(path));
    }

    public ILogger CreateLogger(string categoryName) => new FileLogger(this, categoryName);

    public void Dispose()
    {
        lock (_lock)
        {
            Close();
        }
    }

    private static StreamWriter Open(string path) =>
        new(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };

    private void Write(string line)
    {
        lock (_lock)
        {
            try
            {
                _writer ??= Open(_path);

                // Another process may log to the same file before the lock of the folder refuses it.
                _writer.BaseStream.Seek(0, SeekOrigin.End);
                if (_lost > 0)
                {
                    _writer.WriteLine($"({_lost} lines before this one could not be written)");
                    _lost = 0;
                }

                _writer.WriteLine(line);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                _lost++;
                Close();
            }
        }
    }

    private void Close()
    {
        try
        {
            _writer?.Dispose();
        }
        catch (IOException)
        {
            // The rest of a line that the disk does not take.
        }

        _writer = null;
    }

    private sealed class FileLogger(FileLoggerProvider owner, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= (
            category.StartsWith("Workflows", StringComparison.Ordinal) ? LogLevel.Information : LogLevel.Warning);

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                var now = TimeProvider.System.GetUtcNow();
                owner.Write($"{now:O} {logLevel} {category} {formatter(state, exception)} {exception}");
            }
        }
    }
}
