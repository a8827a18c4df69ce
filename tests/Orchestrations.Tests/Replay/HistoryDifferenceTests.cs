using Microsoft.DurableTask;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>The replay finds what it is there for: in histories and in orchestrators that were changed.</summary>
public sealed class HistoryDifferenceTests
{
    private const string File = "plain-run.train.1.json";

    [Fact]
    public void Differences_OfAnActivityOfAnotherName_NameBothAndAdviseAVersion()
    {
        var history = RecordedHistory.Read(File);
        Scheduled(history, Stages.DispatchJob).TaskScheduled.Name = "SendJob";

        var differences = HistoryReplay.Differences(File, history, () => new TpuWorkOrchestration());

        Assert.Contains($"{File}, {nameof(TpuWorkOrchestration)}, episode 2 of ", differences[0]);
        Assert.Contains("recorded: #1 activity SendJob", differences[0]);
        Assert.Contains("replayed: #1 activity DispatchJob", differences[0]);
        Assert.Contains("CONTRIBUTING.md", differences[0]);
        Assert.Contains(differences.Skip(1), text => text.Contains("NonDeterministic", StringComparison.Ordinal));
    }

    [Fact]
    public void Differences_OfTwoCallsInTheOtherOrder_AreFound()
    {
        var history = RecordedHistory.Read("plain-run.1.json");
        var (plan, prepare) = (Scheduled(history, Stages.Plan), Scheduled(history, Stages.PrepareData));
        (plan.TaskScheduled, prepare.TaskScheduled) = (prepare.TaskScheduled, plan.TaskScheduled);

        var differences = HistoryReplay.Differences(File, history, () => new FineTuneOrchestrationV1());

        Assert.Contains("activity PrepareData", differences[0]);
        Assert.Contains("activity Plan", differences[0]);
    }

    [Fact]
    public void Differences_OfATimerThatIsNotInTheHistory_AreFound()
    {
        var history = RecordedHistory.Read(File);
        var timer = history.Events.First(item => item.TimerCreated is not null);
        history.Request.PastEvents.Remove(timer);

        var differences = HistoryReplay.Differences(File, history, () => new TpuWorkOrchestration());

        Assert.Contains("recorded: nothing", differences[0]);
        Assert.Contains("replayed: #2 timer", differences[0]);
    }

    [Fact]
    public void Differences_OfATimerOfAnotherTime_AreFound()
    {
        var history = RecordedHistory.Read(File);
        history.Events.First(item => item.TimerCreated is not null).TimerCreated.FireAt.Seconds++;

        Assert.Single(HistoryReplay.Differences(File, history, () => new TpuWorkOrchestration()));
    }

    [Fact]
    public void Differences_OfAChildOfAnotherInstanceId_AreFound()
    {
        var history = RecordedHistory.Read("plain-run.1.json");
        history.Events.First(item => item.SubOrchestrationInstanceCreated is not null)
            .SubOrchestrationInstanceCreated.InstanceId = "plain-run:learn";

        var difference = Assert.Single(HistoryReplay.Differences(File, history, () => new FineTuneOrchestrationV1()));

        Assert.Contains("as 'plain-run:learn'", difference);
    }

    [Fact]
    public void Differences_OfAnInputWithAnotherValue_AreFound()
    {
        var history = RecordedHistory.Read(File);
        var call = Scheduled(history, Stages.DispatchJob).TaskScheduled;
        call.Input = call.Input.Replace("plain-run:train", "plain-run:learn", StringComparison.Ordinal);

        Assert.Contains(
            "$[0].ReplyTo: \"plain-run:learn\" became \"plain-run:train\"",
            Assert.Single(HistoryReplay.Differences(File, history, () => new TpuWorkOrchestration())));
    }

    [Fact]
    public void Differences_OfAnotherResult_AreFound()
    {
        var history = RecordedHistory.Read(File);
        var end = history.Response.Actions.Single().CompleteOrchestration;
        end.Result = end.Result.Replace("us-a1-a", "us-z1-a", StringComparison.Ordinal);

        Assert.Single(HistoryReplay.Differences(File, history, () => new TpuWorkOrchestration()));
    }

    [Fact]
    public void Differences_OfAnotherCustomStatus_AreFound()
    {
        var history = RecordedHistory.Read("plain-run.1.json");
        history.Response.CustomStatus = history.Response.CustomStatus
            .Replace("done", "finished", StringComparison.OrdinalIgnoreCase);

        var difference = Assert.Single(HistoryReplay.Differences(File, history, () => new FineTuneOrchestrationV1()));

        Assert.Contains("custom status", difference);
    }

    [Fact]
    public void Differences_OfAnOrchestratorThatWaitsFirst_AreFoundInEveryEpisode()
    {
        var history = RecordedHistory.Read("plain-run.teardown.1.json");

        var differences = HistoryReplay.Differences(File, history, () => new TeardownThatWaits());

        Assert.Equal(2, differences.Count);
        Assert.Contains("replayed: #0 timer", differences[0]);
    }

    [Theory]
    [InlineData("""{"a":1}""", """{"a":1,"b":2}""", null)]
    [InlineData("""{"a":[{"b":1}]}""", """{"a":[{"b":1,"c":null}]}""", null)]
    [InlineData("""{"a":1,"b":2}""", """{"b":2,"a":1}""", null)]
    [InlineData("""{"a":1,"b":2}""", """{"a":1}""", "$.b is gone")]
    [InlineData("""{"a":[1]}""", """{"a":[1,2]}""", "$.a: [1] became [1,2]")]
    [InlineData("""{"a":[{"b":1}]}""", """{"a":[{"b":"1"}]}""", "$.a[0].b: 1 became \"1\"")]
    [InlineData("null", "{}", "$: null became {}")]
    [InlineData(null, "{}", "'' became '{}'")]
    [InlineData(null, "", null)]
    public void PayloadDifference_OfTwoPayloads_AllowsNewPropertiesAlone(
        string? recorded, string? replayed, string? difference) =>
        Assert.Equal(difference, OrchestratorStep.PayloadDifference(recorded, replayed));

    private static HistoryEvent Scheduled(RecordedHistory history, string activity) =>
        history.Events.First(item => item.TaskScheduled?.Name == activity);

    private sealed class TeardownThatWaits : TaskOrchestrator<RunSpec, int>
    {
        public override async Task<int> RunAsync(TaskOrchestrationContext context, RunSpec input)
        {
            await context.CreateTimer(TimeSpan.FromSeconds(1), CancellationToken.None);
            return 1;
        }
    }
}
