namespace Workflows.DurableTask.Tests.Conformance;

/// <summary>What the published JavaScript client does to orchestrations, and which of its workers run them.</summary>
/// <remarks>Apart from <see cref="JsOrchestrationTests"/>, so that the scripts of both run side by side.</remarks>
public sealed class JsManagementTests : JsTest
{
    [Fact]
    public Task TerminateAndPurge_ReachChildrenWhenAsked() => RunAsync("terminate.js");

    [Fact]
    public Task Suspend_HoldsEventsUntilResumed() => RunAsync("suspend.js");

    [Fact]
    public Task Queries_FilterAndPage() => RunAsync("queries.js");

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
}
