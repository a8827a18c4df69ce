using System.Text.Json;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;

namespace Workflows.Cli.Tests.Watching;

public sealed class DeadlineTextTests
{
    private static readonly DateTimeOffset At = new(2026, 12, 1, 18, 0, 0, TimeSpan.FromHours(9));

    public static TheoryData<DeadlineSection, string> Sections => new()
    {
        { new(At, true, At.AddMinutes(-30), 1800), "2026-12-01 09:00:00Z: met, 30 min early" },
        { new(At, false, At.AddSeconds(90), -90), "2026-12-01 09:00:00Z: missed by 90 s" },
        { new(At, false, null, null), "2026-12-01 09:00:00Z: missed" },
        { new(At, null, null, null), "2026-12-01 09:00:00Z: not planned yet" },
        { new(At, null, null, -7200), "2026-12-01 09:00:00Z: about 2.0 h too late by what is known now" },
        {
            new(At, null, null, 10_800) { SpotUntil = At.AddHours(-4) },
            "2026-12-01 09:00:00Z: about 3.0 h to spare; spot until 2026-12-01 05:00:00Z at the latest"
        },
        {
            new(At, null, null, 60) { SwitchedAt = At.AddHours(-1), SwitchReason = SwitchReason.SearchOver },
            "2026-12-01 09:00:00Z: about 60 s to spare; on demand since 2026-12-01 08:00:00Z: no spot node was to be "
            + "had in the time of the search"
        },
    };

    [Theory]
    [MemberData(nameof(Sections))]
    public void Of_ADeadline_SaysWhereTheRunIs(DeadlineSection deadline, string wanted) =>
        Assert.Equal(wanted, DeadlineText.Of(deadline));

    [Theory]
    [InlineData(SwitchReason.Deadline, "leaves no time for another spot node")]
    [InlineData(SwitchReason.LossNotRecoverable, "would soon not have been recoverable")]
    [InlineData(SwitchReason.SearchOver, "in the time of the search")]
    [InlineData(SwitchReason.NoPlaceLeft, "refused for a lasting reason")]
    [InlineData(SwitchReason.TooManyLosses, "too many spot nodes were lost")]
    public void Of_ASwitch_SaysWhy(SwitchReason reason, string words)
    {
        var line = Line(LedgerKinds.Switched, new SpotSwitch(
            new RunId("run"), At, reason, new WorkOutlook(1000, 100, 50, 150, "")));

        Assert.StartsWith("on demand   from now on: ", line, StringComparison.Ordinal);
        Assert.Contains(words, line, StringComparison.Ordinal);
        Assert.EndsWith("about 1000 s of work are left, and a restart takes 200 s", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "stops")]
    [InlineData(false, "goes on")]
    public void Of_AMiss_SaysWhatFollows(bool stops, string words) => Assert.Equal(
        $"MISSED      the deadline of 2026-12-01 09:00:00Z; the run {words}",
        Line(LedgerKinds.DeadlineMissed, new DeadlineMiss(At, stops)));

    private static string? Line(string kind, object data) => EventText.Of(new RunEvent(
        1, At, kind, "key", JsonSerializer.SerializeToElement(data, RunLedger.Json)));
}
