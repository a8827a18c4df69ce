using Workflows.Orchestrations;

namespace Workflows.Service.Logs;

/// <summary>
/// Copies what the service logs about a run to the run's own log: lines with a value <c>RunId</c>, <c>Run</c> or
/// <c>InstanceId</c>. The console, or the file of an embedded service, has them, too.
/// </summary>
/// <param name="logs">Finds the logs at the first line about a run: their own parts have loggers, too.</param>
/// <param name="clock">Gives the time of lines.</param>
internal sealed class RunLogProvider(Func<IRunLogs> logs, TimeProvider clock) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new RunLogger(logs, clock, categoryName);

    public void Dispose()
    {
    }

    private sealed class RunLogger(Func<IRunLogs> logs, TimeProvider clock, string category) : ILogger
    {
        private readonly LogLevel _least = category.StartsWith("Workflows", StringComparison.Ordinal)
            ? LogLevel.Information : LogLevel.Warning;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= _least && logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel) || state is not IReadOnlyList<KeyValuePair<string, object?>> values)
            {
                return;
            }

            RunId? run = null;
            string? node = null;
            int? attempt = null;
            foreach (var (name, value) in values)
            {
                if (Is(name, "RunId") || Is(name, "Run") || Is(name, "InstanceId"))
                {
                    // Instances of a run's stages are named RUN:STAGE.
                    run ??= RunId.TryParse($"{value}".Split(':')[0], out var id) ? id : null;
                }
                else if (Is(name, "Node") || Is(name, "NodeName"))
                {
                    node = $"{value}" is { Length: > 0 } text ? text[(text.LastIndexOf('/') + 1)..] : null;
                }
                else if (Is(name, "Attempt"))
                {
                    attempt = value as int?;
                }
            }

            if (run is not { } known)
            {
                return;
            }

            try
            {
                Write(known, node, attempt, logLevel, eventId, exception is null
                    ? formatter(state, exception) : $"{formatter(state, exception)} {exception}");
            }
            catch (Exception fault) when (
                fault is IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                // The run's folder cannot be used, or the service is stopping. The part that logs goes on.
            }
        }

        private void Write(
            RunId runId, string? node, int? attempt, LogLevel level, EventId eventId, string text) =>
            logs().Append(runId, new LogLine(
                0, clock.GetUtcNow(), LogSource.Service,
                level == LogLevel.Trace ? LogSeverity.Debug : (LogSeverity)((int)level - 1), node, attempt,
                eventId.Id == 0 ? null : eventId.Id, category, SecretText.Line(text)));

        private static bool Is(string name, string expected) =>
            name.Equals(expected, StringComparison.OrdinalIgnoreCase);
    }
}
