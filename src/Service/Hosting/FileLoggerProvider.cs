namespace Workflows.Service.Hosting;

/// <summary>Writes the log to one file, for a service inside a command whose terminal belongs to the user.</summary>
internal sealed class FileLoggerProvider(string path) : ILoggerProvider
{
    private readonly Lock _lock = new();
    private readonly StreamWriter _writer = new(new FileStream(
        path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
    { AutoFlush = true };

    public ILogger CreateLogger(string categoryName) => new FileLogger(this, categoryName);

    public void Dispose() => _writer.Dispose();

    private void Write(string line)
    {
        lock (_lock)
        {
            _writer.WriteLine(line);
        }
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
