using Microsoft.DurableTask.Protobuf;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Service.Tests.Runs;

/// <summary>Requests to suspend runs of all versions of the orchestration.</summary>
public sealed class RunSuspenderTests
{
    [Theory]
    [InlineData(null, true, OrchestrationStatus.Running, "RUN_TOO_OLD")]
    [InlineData("", true, OrchestrationStatus.Running, "RUN_TOO_OLD")]
    [InlineData("2", true, OrchestrationStatus.Running, null)]
    [InlineData(null, true, OrchestrationStatus.Pending, null)]
    [InlineData(null, false, OrchestrationStatus.Running, null)]
    public async Task Request_OfARunThatDoesNotReadIt_IsRefused(
        string? version, bool suspends, OrchestrationStatus status, string? code)
    {
        var engine = new FakeEngine();
        engine.PutRun("run-1", DateTimeOffset.UnixEpoch, status);
        engine.Instances["run-1"].Version = version;
        await using var client = engine.Client();

        var refusal = await new RunSuspender(client).RequestAsync(
            new RunId("run-1"), suspends, "dear hours", TestContext.Current.CancellationToken);

        Assert.Equal(code, refusal?.Code);
        Assert.Equal(code is null ? ["run-1"] : [], engine.Raised);
    }
}
