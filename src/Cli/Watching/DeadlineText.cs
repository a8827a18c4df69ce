using System.Globalization;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Cli.Watching;

/// <summary>Formats a run's deadline for people.</summary>
internal static class DeadlineText
{
    /// <summary>Formats the switch to on-demand nodes.</summary>
    public static string Switched(SpotSwitch change) =>
        $"on demand   from now on: {Why(change.Reason)}"
        + (change.Outlook is { } outlook
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"; about {outlook.Work:0} s of work are left, and a restart takes {outlook.Restart:0} s")
            : "");

    /// <summary>Formats a deadline that has passed.</summary>
    public static string Missed(DeadlineMiss miss) =>
        $"MISSED      the deadline of {Time(miss.Deadline)}; the run {(miss.Stops ? "stops" : "goes on")}";

    /// <summary>Formats a run's deadline in one line.</summary>
    public static string Of(DeadlineSection deadline) => $"{Time(deadline.At)}: "
        + (deadline switch
        {
            { IsMet: true, SlackSeconds: { } early } => $"met, {Span(early)} early",
            { IsMet: false, DoneAt: not null, SlackSeconds: { } late } => $"missed by {Span(-late)}",
            { IsMet: false } => "missed",
            { SlackSeconds: { } slack } when slack < 0 => $"about {Span(-slack)} too late by what is known now",
            { SlackSeconds: { } slack } => $"about {Span(slack)} to spare",
            _ => "not planned yet",
        })
        + (deadline is { SwitchedAt: { } at, SwitchReason: { } reason }
            ? $"; on demand since {Time(at)}: {Why(reason)}"
            : deadline.SpotUntil is { } until ? $"; spot until {Time(until)} at the latest" : "");

    /// <summary>Formats the deadline of a run that has ended, in one line of Korean.</summary>
    public static string KoreanEnd(DeadlineSection deadline) => $"{Time(deadline.At)}: "
        + (deadline switch
        {
            { IsMet: true, SlackSeconds: { } early } => $"지킴({KoreanSpan(early)} 여유)",
            { IsMet: false, DoneAt: not null, SlackSeconds: { } late } => $"{KoreanSpan(-late)} 초과함",
            _ => "지키지 못함",
        })
        + (deadline is { SwitchedAt: { } at, SwitchReason: { } reason }
            ? $", {Time(at)}부터 주문형 노드 사용({new Words(Language.Korean).Name(reason)})" : "");

    private static string Why(SwitchReason reason) => reason switch
    {
        SwitchReason.Deadline => "the deadline leaves no time for another spot node and its loss",
        SwitchReason.LossNotRecoverable => "the loss of the spot node would soon not have been recoverable",
        SwitchReason.SearchOver => "no spot node was to be had in the time of the search",
        SwitchReason.TooManyLosses => "too many spot nodes were lost",
        _ => "every spot place refused for a lasting reason",
    };

    private static string Time(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Span(double seconds) => seconds < 120
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s")
        : seconds < 7200
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:0} min")
        : string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:0.0} h");

    private static string KoreanSpan(double seconds) => seconds < 120
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0}초")
        : seconds < 7200
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:0}분")
        : string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:0.0}시간");
}
