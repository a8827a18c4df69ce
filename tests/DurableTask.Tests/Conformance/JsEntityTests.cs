namespace Workflows.DurableTask.Tests.Conformance;

/// <summary>The published JavaScript package's entities, unchanged, against the sidecar.</summary>
public sealed class JsEntityTests : JsTest
{
    [Fact]
    public Task Entities_KeepStateAnswerCallsAndAreListed() => RunAsync("entities.js");

    [Fact]
    public Task Locks_ExcludeOthersAndEndWithTheirHolder() => RunAsync("locks.js");

    [Fact]
    public async Task Restart_WithALockAndAScheduledSignal_LosesNeither()
    {
        await using JsScript script = await JsScript.StartAsync("entity-restart.js", Sidecar.Address);
        await script.ExpectAsync("ready", Soon);
        await Sidecar.RestartAsync();
        await script.TellAsync("restarted");
        await script.SucceedAsync(Soon);
    }
}
