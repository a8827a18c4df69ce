using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Cli.Tests.Watching;

/// <summary>A deletion that never ends says what is still there, for how long and at what cost.</summary>
public sealed class LeftNodesTests
{
    private static readonly DateTimeOffset Begun = new(2026, 11, 24, 9, 0, 0, TimeSpan.Zero);
    private readonly Clock _clock = new() { Now = Begun };

    private static RunView Teardown { get; } = new()
    {
        Id = new RunId("run-1"),
        Name = "n",
        Status = RunStatus.Running,
        Stage = RunStageName.Teardown,
        Detail = "",
        Nodes = [new NodeView("wf-run-1-1", "us-west4-a", 75.4, 0.01234), new NodeView("wf-run-1-2", "z", 5, 0)],
    };

    [Fact]
    public void Due_OfATeardown_IsSilentWhileADeletionTakesItsUsualTime()
    {
        var left = new LeftNodes(_clock);

        Assert.Empty(left.Due(Teardown, Facts));
        Assert.Equal(0, LinesAfter(left, 9));
        Assert.Equal(2, LinesAfter(left, 1));
    }

    [Fact]
    public void Due_OfALongTeardown_SaysItEverMoreRarelyAndNeverStops()
    {
        var left = new LeftNodes(_clock);
        left.Due(Teardown, Facts);

        var at = new List<int>();
        for (var second = 1; second <= 3600; second++)
        {
            if (LinesAfter(left, 1) > 0)
            {
                at.Add(second);
            }
        }

        Assert.Equal([10, 20, 40, 80, 160, 320, 620], at.Take(7));
        Assert.All(at.Zip(at.Skip(1)).Skip(6), pair => Assert.Equal(300, pair.Second - pair.First));
        Assert.True(at[^1] > 3300);
    }

    /// <summary>Somebody who looks after a day is told at once.</summary>
    [Fact]
    public void Due_WatchedLater_SpeaksAtOnce()
    {
        _clock.Now = Begun.AddDays(1);

        Assert.Equal(
            [
                "still there: wf-run-1-1 in us-west4-a for 75 s, 0.0123 USD so far",
                "still there: wf-run-1-2 in z for 5 s, 0.0000 USD so far",
            ],
            new LeftNodes(_clock).Due(Teardown, Facts));
    }

    [Fact]
    public void Due_WithAReport_NamesItOnce()
    {
        _clock.Now = Begun.AddDays(1);
        var left = new LeftNodes(_clock);
        var run = Teardown with { Report = "/state/runs/run-1/report.json" };

        Assert.Equal(
            "the report is there, as a draft: /state/runs/run-1/report.json", left.Due(run, Facts)[^1]);
        _clock.Now = Begun.AddDays(2);
        Assert.Equal(2, left.Due(run, []).Count);
    }

    [Theory]
    [InlineData(RunStageName.Train)]
    [InlineData(RunStageName.Evaluate)]
    [InlineData(RunStageName.Report)]
    public void Due_OfANodeThatIsInUse_IsSilent(RunStageName stage)
    {
        _clock.Now = Begun.AddDays(1);

        Assert.Empty(new LeftNodes(_clock).Due(Teardown with { Stage = stage }, Facts));
    }

    [Fact]
    public void Due_WithoutNodes_IsSilent()
    {
        _clock.Now = Begun.AddDays(1);

        Assert.Empty(new LeftNodes(_clock).Due(Teardown with { Nodes = [] }, Facts));
    }

    [Fact]
    public async Task PlainDisplay_OfATeardownThatHangs_PrintsTheNodesAsText()
    {
        using var output = new StringWriter { NewLine = "\n" };
        _clock.Now = Begun.AddMinutes(2);
        var run = Teardown with { Nodes = [new NodeView("wf-\u001b[2J", "us-west4-a", 120, 0.5)] };

        await new PlainDisplay(output, _clock).RunAsync(update =>
        {
            update(run, Facts);
            update(run, []);
            return Task.CompletedTask;
        });

        var line = Assert.Single(
            output.ToString().Split('\n'), each => each.Contains("still there", StringComparison.Ordinal));
        Assert.EndsWith(
            @"still there: wf-\u001b[2J in us-west4-a for 120 s, 0.5000 USD so far", line, StringComparison.Ordinal);
    }

    private static IReadOnlyList<RunEvent> Facts { get; } =
        [
            new(1, Begun.AddHours(-1), LedgerKinds.Stage, "train", Stage("train")),
            new(2, Begun, LedgerKinds.Stage, "teardown", Stage("teardown")),
        ];

    private static JsonElement Stage(string stage) =>
        JsonSerializer.SerializeToElement(new { runId = "run-1", stage, detail = "" });

    private int LinesAfter(LeftNodes left, int seconds)
    {
        _clock.Now = _clock.Now.AddSeconds(seconds);
        return left.Due(Teardown, []).Count;
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
