using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>
/// A class and its new version under one name, as CONTRIBUTING.md wants it. The engine starts anew in between, so the
/// instances replay from their histories.
/// </summary>
public sealed class VersionTests : IDisposable
{
    private const string Name = "Story", Go = "go";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("versions-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("1")]
    [InlineData("")]
    public async Task Instance_StartedBeforeTheNewVersion_StaysWithItsClass(string old)
    {
        await StartAndStopAsync(
            registry => registry.AddOrchestrator(Name, new TaskVersion(old), () => new Story()), old);

        await using var hub = await StartHubAsync(registry => registry
            .AddOrchestrator(Name, new TaskVersion(old), () => new Story())
            .AddOrchestrator(Name, new TaskVersion("2"), () => new StoryV2()));
        await StartAsync(hub, "new", "2");

        Assert.Equal("first, second", await EndAsync(hub, "old"));
        Assert.Equal("second, first", await EndAsync(hub, "new"));
    }

    [Fact]
    public async Task Instance_ThatContinuesAsNew_StaysWithItsClass()
    {
        await StartAndStopAsync(registry => registry.AddOrchestrator(Name, () => new Generations("old")), "");

        await using var hub = await StartHubAsync(registry => registry
            .AddOrchestrator(Name, () => new Generations("old"))
            .AddOrchestrator(Name, new TaskVersion("2"), () => new Generations("new")));

        Assert.Equal("old", await EndAsync(hub, "old"));
    }

    [Fact]
    public async Task Instance_WithoutAVersionWhoseClassGotOne_Fails()
    {
        await StartAndStopAsync(registry => registry.AddOrchestrator(Name, () => new Story()), "");

        await using var hub = await StartHubAsync(registry => registry
            .AddOrchestrator(Name, new TaskVersion("1"), () => new Story())
            .AddOrchestrator(Name, new TaskVersion("2"), () => new StoryV2()));
        await hub.Client.RaiseEventAsync("old", Go, Go);
        var end = await hub.Client.WaitForInstanceCompletionAsync("old", getInputsAndOutputs: true);

        Assert.Equal(OrchestrationRuntimeStatus.Failed, end.RuntimeStatus);
        Assert.Equal("OrchestratorTaskNotFound", end.FailureDetails?.ErrorType);
    }

    [Theory]
    [InlineData(null, RunStatus.Succeeded)]
    [InlineData("2", RunStatus.Failed)]
    public async Task Run_WhereOneOrchestratorHasTheNewVersion_ReachesItThroughItsParents(
        string? version, RunStatus ends)
    {
        var end = await RunAsync(version, registry => registry.AddOrchestrator(
            nameof(AcquireTpuOrchestration), new TaskVersion("2"), () => new AcquireV2()));

        Assert.Equal(OrchestrationRuntimeStatus.Completed, end.RuntimeStatus);
        Assert.Equal(
            (ends, version is null ? null : "NEW_WAY"),
            (end.ReadOutputAs<RunOutcome>()!.Status, end.ReadOutputAs<RunOutcome>()!.Failure?.Code));
    }

    [Fact]
    public async Task Run_OfAVersionThatAnOrchestratorWithVersionsHasNot_FailsThere()
    {
        var end = await RunAsync("3", registry => registry
            .AddOrchestrator(
                nameof(FineTuneOrchestration), new TaskVersion("3"), () => new FineTuneOrchestration())
            .AddOrchestrator(nameof(AcquireTpuOrchestration), new TaskVersion("2"), () => new AcquireV2()));

        Assert.Equal(RunStatus.Failed, end.ReadOutputAs<RunOutcome>()!.Status);
        Assert.Contains(nameof(AcquireTpuOrchestration), end.ReadOutputAs<RunOutcome>()!.Failure?.Message);
    }

    private async Task<OrchestrationMetadata> RunAsync(string? version, Action<DurableTaskRegistry> more)
    {
        var scenario = new Scenario("run");
        await using var hub = await TestHub.StartAsync(_folder.FullName, registry =>
        {
            scenario.Register(registry.AddRunOrchestrations(), () => throw new InvalidOperationException("No cancel."));
            more(registry);
        });
        await hub.Client.ScheduleNewOrchestrationInstanceAsync(
            nameof(FineTuneOrchestration), scenario.Spec, new StartOrchestrationOptions("run") { Version = version });
        return await hub.Client.WaitForInstanceCompletionAsync("run", getInputsAndOutputs: true);
    }

    private async Task StartAndStopAsync(Action<DurableTaskRegistry> orchestrators, string version)
    {
        await using var hub = await StartHubAsync(orchestrators);
        await StartAsync(hub, "old", version);
        while ((await hub.Client.GetInstanceAsync("old", getInputsAndOutputs: true))!.SerializedCustomStatus is null)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10));
        }
    }

    private Task<TestHub> StartHubAsync(Action<DurableTaskRegistry> orchestrators) =>
        TestHub.StartAsync(_folder.FullName, registry =>
        {
            registry.AddActivityFunc<string, string>("Echo", (_, text) => text);
            orchestrators(registry);
        });

    // A start without a version is today's: it says none.
    private static Task<string> StartAsync(TestHub hub, string id, string version) =>
        hub.Client.ScheduleNewOrchestrationInstanceAsync(
            Name, 0, new StartOrchestrationOptions(id) { Version = version.Length == 0 ? null : version });

    private static async Task<string?> EndAsync(TestHub hub, string id)
    {
        await hub.Client.RaiseEventAsync(id, Go, Go);
        var end = await hub.Client.WaitForInstanceCompletionAsync(id, getInputsAndOutputs: true);
        Assert.True(end.RuntimeStatus == OrchestrationRuntimeStatus.Completed, end.FailureDetails?.ErrorMessage);
        return end.ReadOutputAs<string>();
    }

    private static async Task WaitAsync(TaskOrchestrationContext context)
    {
        context.SetCustomStatus("waiting");
        await context.WaitForExternalEvent<string>(Go);
    }

    private sealed class Story : TaskOrchestrator<int, string>
    {
        public override async Task<string> RunAsync(TaskOrchestrationContext context, int input)
        {
            var first = await context.CallActivityAsync<string>("Echo", "first");
            await WaitAsync(context);
            return $"{first}, {await context.CallActivityAsync<string>("Echo", "second")}";
        }
    }

    private sealed class StoryV2 : TaskOrchestrator<int, string>
    {
        public override async Task<string> RunAsync(TaskOrchestrationContext context, int input)
        {
            await context.CreateTimer(TimeSpan.FromMilliseconds(1), CancellationToken.None);
            var second = await context.CallActivityAsync<string>("Echo", "second");
            await WaitAsync(context);
            return $"{second}, {await context.CallActivityAsync<string>("Echo", "first")}";
        }
    }

    private sealed class Generations(string answer) : TaskOrchestrator<int, string>
    {
        public override async Task<string> RunAsync(TaskOrchestrationContext context, int input)
        {
            if (input == 1)
            {
                return answer;
            }

            await WaitAsync(context);
            context.ContinueAsNew(1);
            return "";
        }
    }

    private sealed class AcquireV2 : TaskOrchestrator<AcquireInput, AcquireResult>
    {
        public override Task<AcquireResult> RunAsync(TaskOrchestrationContext context, AcquireInput input) =>
            Task.FromResult(new AcquireResult(null, 1, new RunFailure("NEW_WAY", "m", "f"), false, []));
    }
}
