using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Cli.Tests.Watching;

/// <summary>Progress beside the facts of a run.</summary>
public sealed class ProgressTextTests
{
    private static readonly ProgressView Training = new("training", 110, 160, 0.5, 1000, 100, 20);

    [Theory]
    [InlineData(LedgerKinds.Loss, false)]
    [InlineData(LedgerKinds.Recovered, true)]
    [InlineData(LedgerKinds.Attempt, true)]
    public void ProgressAfter_AFact_IsNotShownBelowALoss(string kind, bool isShown)
    {
        var progress = Run().ProgressAfter([Fact(LedgerKinds.Stage), Fact(kind)]);

        Assert.Equal(isShown ? Training : null, progress);
    }

    [Fact]
    public async Task PlainDisplay_LossAndProgressReadTogether_ShowsNoStepOfTheLostNode()
    {
        using var output = new StringWriter { NewLine = "\n" };

        await new PlainDisplay(output).RunAsync(update =>
        {
            update(Run(), [Fact(LedgerKinds.Loss)]);
            update(Run() with { Progress = Training with { Step = 101 } }, []);
            return Task.CompletedTask;
        });

        var text = output.ToString();
        Assert.Contains("LOST", text, StringComparison.Ordinal);
        Assert.DoesNotContain("110/160", text, StringComparison.Ordinal);
        Assert.Contains("training  101/160", text, StringComparison.Ordinal);
    }

    /// <summary>A worker that has made one step has no rate yet: none is shown, in place of 0.</summary>
    [Fact]
    public void Of_TheFirstStepOfAWorker_ShowsNoRate()
    {
        var first = Training with { TokensPerSecond = 0, SecondsLeft = null };

        Assert.Equal("training  110/160  loss 0.500  0.0000 USD", ProgressText.Of(Run(), first));
        Assert.Equal(
            "training  110/160  loss 0.500  1000 tokens/s  0.0000 USD  20 s left", ProgressText.Of(Run(), Training));
    }

    private static RunEvent Fact(string kind) => new(1, default, kind, "1", JsonSerializer.SerializeToElement(
        new { number = 1, zone = "z", cause = "PREEMPTED", lostSteps = 10, fromStep = 100, stage = "train" }));

    private static RunView Run() => new()
    {
        Id = new RunId("run-1"),
        Name = "n",
        Status = RunStatus.Running,
        Stage = RunStageName.Train,
        Detail = "",
        Progress = Training,
    };
}
