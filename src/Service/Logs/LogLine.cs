using System.Text.Json.Serialization;

namespace Workflows.Service.Logs;

/// <summary>The program that wrote a line.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LogSource>))]
public enum LogSource
{
    /// <summary>This service.</summary>
    [JsonStringEnumMemberName("service")]
    Service,

    /// <summary>The worker on a node of the run.</summary>
    [JsonStringEnumMemberName("worker")]
    Worker,
}

/// <summary>Levels of a line, the least first. Lines of workers have none and count as information.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LogSeverity>))]
public enum LogSeverity
{
    /// <summary>For developers.</summary>
    [JsonStringEnumMemberName("debug")]
    Debug,

    /// <summary>Something happened as it should.</summary>
    [JsonStringEnumMemberName("information")]
    Information,

    /// <summary>Something that the service deals with.</summary>
    [JsonStringEnumMemberName("warning")]
    Warning,

    /// <summary>Something failed.</summary>
    [JsonStringEnumMemberName("error")]
    Error,

    /// <summary>The service cannot go on.</summary>
    [JsonStringEnumMemberName("critical")]
    Critical,
}

/// <summary>A line of a run's log, as it is kept.</summary>
/// <param name="Sequence">Its number within the run, from 1, in the order of arrival; with gaps if lines are filtered
/// out or too old to be kept.</param>
/// <param name="At">Time at which it was written, by the clock of the program that wrote it.</param>
/// <param name="Source">The program.</param>
/// <param name="Level">Its level.</param>
/// <param name="Node">The node that it is about, the last part of its name; null for none.</param>
/// <param name="Attempt">Number of the attempt that created the node, from 1; null for none.</param>
/// <param name="EventId">The id of the service's message, which never changes; null for lines of workers.</param>
/// <param name="Category">The part of the service; null for lines of workers.</param>
/// <param name="Text">The line, at most 4,000 characters, with any characters that its author wrote.</param>
/// <param name="Boot">Of a worker's line: the start of the worker that numbered it; null otherwise.</param>
/// <param name="Number">Of a worker's line: its number since that start; null otherwise.</param>
internal sealed record LogLine(
    long Sequence, DateTimeOffset At, LogSource Source, LogSeverity Level, string? Node, int? Attempt, int? EventId,
    string? Category, string Text, string? Boot = null, long? Number = null);

/// <summary>A line of a run's log.</summary>
/// <param name="Sequence">Its number within the run, from 1, in the order of arrival; with gaps if lines are filtered
/// out or too old to be kept.</param>
/// <param name="At">Time at which it was written, by the clock of the program that wrote it.</param>
/// <param name="Source">The program.</param>
/// <param name="Level">Its level; lines of workers have none and count as information.</param>
/// <param name="Node">The node that it is about, the last part of its name; null for none.</param>
/// <param name="Attempt">Number of the attempt that created the node, from 1; null for none.</param>
/// <param name="EventId">The id of the service's message, which never changes; null for lines of workers.</param>
/// <param name="Category">The part of the service; null for lines of workers.</param>
/// <param name="Text">The line, at most 4,000 characters, with any characters that its author wrote.</param>
public sealed record LogView(
    long Sequence, DateTimeOffset At, LogSource Source, LogSeverity Level, string? Node, int? Attempt, int? EventId,
    string? Category, string Text)
{
    internal static LogView Of(LogLine line) => new(
        line.Sequence, line.At, line.Source, line.Level, line.Node, line.Attempt, line.EventId, line.Category,
        line.Text);
}

/// <summary>Selects lines of a run's log.</summary>
/// <param name="Source">Only of this program; null for all.</param>
/// <param name="Node">Only of this node, by the last part of its name; null for all.</param>
/// <param name="Level">Only of this level or above; null for all.</param>
/// <param name="Since">Only written at this time or later; null for all.</param>
internal sealed record LogFilter(LogSource? Source, string? Node, LogSeverity? Level, DateTimeOffset? Since)
{
    public bool Has(LogLine line) => (Source is null || line.Source == Source)
        && (Node is null || line.Node == Node) && !(line.Level < Level) && !(line.At < Since);
}
