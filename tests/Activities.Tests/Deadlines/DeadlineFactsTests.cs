using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Deadlines;

/// <summary>A run and its deadline, as status and report tell it.</summary>
public sealed class DeadlineFactsTests : IDisposable
{
    private static readonly WorkOutlook Outlook = new(1000, 100, 50, 150, "The rate is measured.");

    private readonly TemporaryFolder _folder = new("workflows-deadline-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 9, 0, 0, TimeSpan.Zero));
    private readonly RunLedger _ledger;
    private readonly RunSpec _spec;

    public DeadlineFactsTests()
    {
        _ledger = new RunLedger(_folder.Path, _clock);
        _spec = new RunSpec
        {
            RunId = new RunId("run"),
            Name = "run",
            Project = "team",
            Direction = RunDirection.KoToEn,
            Model = "/m",
            Data = new DataSpec { Train = "/t" },
            Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"], Fallback = SpotFallback.OnDemand },
            Deadline = _clock.GetUtcNow().AddHours(1),
        };
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Of_ARunThatWorks_HasItsSlackAndTheTimeOfTheSwitch()
    {
        var section = Of(Outlook, hasEnded: false)!;

        Assert.Null(section.IsMet);
        Assert.Equal(3600 - 1200, section.SlackSeconds);
        Assert.Equal(Outlook.SearchSpotUntil(_spec.Deadline!.Value, _spec.Pace), section.SpotUntil);
        Assert.Null(DeadlineFacts.Of(_ledger, _spec with { Deadline = null }, Outlook, _clock.GetUtcNow(), false));
    }

    [Fact]
    public void Of_ARunThatHasGoneOver_SaysWhenAndWhy()
    {
        var change = new SpotSwitch(_spec.RunId, _clock.GetUtcNow(), SwitchReason.LossNotRecoverable, Outlook);
        _ledger.AppendInPart(_spec.RunId, LedgerKinds.Switched, "switch", change);

        var section = Of(Outlook, hasEnded: false)!;

        Assert.Equal((change.At, change.Reason), (section.SwitchedAt, section.SwitchReason));
        Assert.Null(section.SpotUntil);
    }

    [Theory]
    [InlineData(50, true, 600)]
    [InlineData(70, false, -600)]
    public void Of_ARunWithItsVerdict_SaysWhetherItWasInTime(double minutes, bool isMet, double slack)
    {
        _clock.Advance(TimeSpan.FromMinutes(minutes));
        _ledger.Append(_spec.RunId, LedgerKinds.Scores, "ko-en", new { });
        _clock.Advance(TimeSpan.FromHours(3));

        // A verdict in time is no miss, however long the teardown takes.
        DeadlineFacts.NoteIfMissed(_ledger, _spec, _clock.GetUtcNow());
        var section = Of(null, hasEnded: true)!;

        Assert.Equal((isMet, slack), (section.IsMet, section.SlackSeconds));
        Assert.DoesNotContain(_ledger.Read(_spec.RunId), entry => entry.Kind == LedgerKinds.DeadlineMissed);
    }

    [Fact]
    public void NoteIfMissed_AfterTheDeadline_TellsItOnceInEachPart()
    {
        DeadlineFacts.NoteIfMissed(_ledger, _spec, _spec.Deadline!.Value);
        Assert.Empty(Misses());

        _clock.Advance(TimeSpan.FromHours(2));
        DeadlineFacts.NoteIfMissed(_ledger, _spec, _clock.GetUtcNow());
        DeadlineFacts.NoteIfMissed(_ledger, _spec, _clock.GetUtcNow());
        Assert.Equal(_spec.Deadline, Assert.Single(Misses()).Deadline);
        Assert.False(Of(Outlook, hasEnded: false)!.IsMet);

        var later = _spec with { Deadline = _clock.GetUtcNow().AddHours(1) };
        _ledger.Append(
            _spec.RunId, LedgerKinds.Resumed, "2", new ResumedFact(2, RunStatus.Failed, null, null, 0, 0, []));
        _clock.Advance(TimeSpan.FromHours(2));
        DeadlineFacts.NoteIfMissed(_ledger, later, _clock.GetUtcNow());
        Assert.Equal([_spec.Deadline, later.Deadline], Misses().Select(miss => (DateTimeOffset?)miss.Deadline));
    }

    [Fact]
    public void Of_ARunThatEndedWithoutAVerdict_HasMissedIt()
    {
        var section = Of(null, hasEnded: true)!;

        Assert.False(section.IsMet);
        Assert.Null(section.SlackSeconds);
    }

    private DeadlineSection? Of(WorkOutlook? outlook, bool hasEnded) =>
        DeadlineFacts.Of(_ledger, _spec, outlook, _clock.GetUtcNow(), hasEnded);

    private List<DeadlineMiss> Misses() =>
        [.. _ledger.Read<DeadlineMiss>(_spec.RunId, LedgerKinds.DeadlineMissed).Select(fact => fact.Data)];
}
