namespace Workflows.DurableTask.Tests.Conformance;

/// <summary>The published JavaScript worker and client, unchanged, against the sidecar.</summary>
public sealed class JsOrchestrationTests : JsTest
{
    [Fact]
    public Task Sequence_RunsInOrderWithStatusAndHistory() => RunAsync("sequence.js");

    [Fact]
    public Task FanOut_WithFailures_GivesEachTaskItsOwnResult() => RunAsync("fan-out.js");

    [Fact]
    public Task Timers_WakeInTimeAndLoseOrWinRaces() => RunAsync("timers.js");

    [Fact]
    public Task Events_FromOrchestrationsAndClients_Arrive() => RunAsync("events.js");

    [Fact]
    public Task Retries_FollowThePolicy() => RunAsync("retries.js");

    [Fact]
    public Task Children_AnswerTheirParent() => RunAsync("children.js");

    [Fact]
    public Task ContinueAsNew_KeepsEveryEventInOrder() => RunAsync("continue-as-new.js");

    [Fact]
    public Task Failures_KeepTheirText() => RunAsync("failure.js");

    [Fact]
    public Task TerminateAndPurge_ReachChildrenWhenAsked() => RunAsync("terminate.js");

    [Fact]
    public Task Suspend_HoldsEventsUntilResumed() => RunAsync("suspend.js");

    [Fact]
    public Task Queries_FilterAndPage() => RunAsync("queries.js");

    [Fact]
    public Task FalsyValues_StayWhatTheyAre() => RunAsync("falsy.js");

    [Fact]
    public Task Rewind_RunsAgainOnlyWhatFailed() => RunAsync("rewind.js");

    [Fact]
    public Task Versions_DecideWhichWorkerRunsOrFails() => RunAsync("versions.js");

    [Fact]
    public Task Filters_BringWorkToItsWorkers() => RunAsync("filters.js");

    [Fact]
    public Task IdReuse_ByStatusAndPolicy_RefusesOrReplaces() => RunAsync("id-reuse.js");

    [Fact]
    public Task RestartOfAnInstance_RunsItsInputAgain() => RunAsync("restart-instance.js");

    [Fact]
    public Task Hubs_ByHeader_ShareNothing() => RunAsync("hubs.js");

    [Fact]
    public Task History_HasEveryStepInOrder() => RunAsync("history.js");

    [Fact]
    public async Task Restart_WhileTheWorkerIsConnected_LosesNothing()
    {
        await using JsScript script = await JsScript.StartAsync("restart.js", Sidecar.Address);
        await script.ExpectAsync("ready", Soon);
        await Sidecar.RestartAsync();
        await script.TellAsync("restarted");
        await script.SucceedAsync(Soon);
    }
}
