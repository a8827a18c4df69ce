using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>Work that no worker survives, and work that is over.</summary>
public sealed class PoisonTests : HandWorkerTest
{
    private const int MaxDispatches = 3;

    protected override Task<SidecarHost> StartSidecarAsync() => SidecarHost.StartAsync(
        configure: options => options.MaxDispatches = MaxDispatches);

    [Fact]
    public async Task Episode_LostTooOften_IsParkedUntilResumed()
    {
        await StartAsync("one");
        await LoseAsync(MaxDispatches);

        OrchestrationState parked = await ParkedAsync();
        Assert.Equal("PoisonWorkItem", parked.FailureDetails.ErrorType);
        Assert.Contains("'test'", parked.FailureDetails.ErrorMessage, StringComparison.Ordinal);
        using (var idle = Connect())
        {
            // Were the parked one offered, it would come before the new one.
            await StartAsync("new");
            WorkItem item = await NextAsync(idle);
            Assert.Equal("new", item.OrchestratorRequest.InstanceId);
            await CompleteAsync(item, Finish(0));
            await Engine.ResumeInstanceAsync(new() { InstanceId = "one" }, cancellationToken: Soon);
            await CompleteAsync(await NextAsync(idle), Finish(0));
        }

        Assert.Equal(OrchestrationStatus.Completed, (await EndAsync()).OrchestrationStatus);
        Assert.Null((await EndAsync()).FailureDetails);
    }

    [Fact]
    public async Task Activity_LostTooOften_IsParkedAcrossARestart()
    {
        await StartAsync("one");
        using (var worker = Connect())
        {
            await CompleteAsync(await NextAsync(worker), Schedule(0));
            Assert.NotNull((await NextAsync(worker)).ActivityRequest);
        }

        await LoseAsync(MaxDispatches - 1);
        Assert.Contains(
            "Activity 'work'", (await ParkedAsync()).FailureDetails.ErrorMessage, StringComparison.Ordinal);
        await Sidecar.RestartAsync();
        await ParkedAsync();
        using var next = Connect();
        await Engine.ResumeInstanceAsync(new() { InstanceId = "one" }, cancellationToken: Soon);

        await CompleteActivityAsync(await NextAsync(next));
        await CompleteAsync(await NextAsync(next), Finish(1));

        Assert.Equal(OrchestrationStatus.Completed, (await EndAsync()).OrchestrationStatus);
    }

    [Fact]
    public async Task Parked_Terminated_EndsWithoutAWorker()
    {
        await StartAsync("one");
        await LoseAsync(MaxDispatches);
        await ParkedAsync();

        await Engine.TerminateInstanceAsync(new() { InstanceId = "one", Output = "\"no\"" }, cancellationToken: Soon);

        OrchestrationState end = await EndAsync();
        Assert.Equal(OrchestrationStatus.Terminated, end.OrchestrationStatus);
        Assert.Equal("\"no\"", end.Output);
    }

    [Fact]
    public async Task EntityBatch_LostTooOften_AnswersItsCallers()
    {
        await StartAsync("one");
        using (var worker = Connect())
        {
            await CompleteAsync(await NextAsync(worker), new OrchestratorAction
            {
                SendEntityMessage = new()
                {
                    EntityOperationCalled = new()
                    {
                        RequestId = "7d3f8a52-0b1c-4a57-9b0e-5a8a4a4e1b11",
                        Operation = "x",
                        TargetInstanceId = "@e@1",
                    },
                },
            });
            Assert.NotNull((await NextAsync(worker)).EntityRequestV2);
        }

        await LoseAsync(MaxDispatches - 1);
        using var last = Connect();

        EntityOperationFailedEvent failed =
            (await NextAsync(last)).OrchestratorRequest.NewEvents[^1].EntityOperationFailed;
        Assert.Equal("PoisonWorkItem", failed.FailureDetails.ErrorType);
    }

    /// <summary>
    /// A worker whose result the server does not read gives the item back, or goes: both count, so that the item does
    /// not come for ever.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Episode_WhoseStatusNobodyCouldRead_IsParkedAndOthersGoOn(bool isGivenBack)
    {
        await StartAsync("one");
        for (int time = 0; time < MaxDispatches; time++)
        {
            using var worker = Connect();
            WorkItem item = await NextAsync(worker);
            Assert.Equal("one", item.OrchestratorRequest.InstanceId);
            RpcException refusal = await Assert.ThrowsAsync<RpcException>(async () =>
                await Engine.CompleteOrchestratorTaskAsync(
                    new()
                    {
                        InstanceId = "one",
                        CompletionToken = item.CompletionToken,
                        CustomStatus = new string('x', 70_000_000),
                    },
                    cancellationToken: Soon));
            Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
            Assert.Contains("exceeds the maximum", refusal.Status.Detail, StringComparison.Ordinal);
            if (isGivenBack)
            {
                await Engine.AbandonTaskOrchestratorWorkItemAsync(
                    new() { CompletionToken = item.CompletionToken }, cancellationToken: Soon);
            }

            // Another instance ends meanwhile, on the same connection.
            await StartAsync($"other-{time}");
            WorkItem other = await NextAsync(worker);
            Assert.Equal($"other-{time}", other.OrchestratorRequest.InstanceId);
            await CompleteAsync(other, Finish(0));
        }

        OrchestrationState parked = await ParkedAsync();

        Assert.Equal(("one", "PoisonWorkItem"), (parked.InstanceId, parked.FailureDetails.ErrorType));
        Assert.Contains($"{MaxDispatches}", parked.FailureDetails.ErrorMessage, StringComparison.Ordinal);
        using var next = Connect();
        await StartAsync("last");
        WorkItem last = await NextAsync(next);
        Assert.Equal("last", last.OrchestratorRequest.InstanceId);
        await CompleteAsync(last, Finish(0));
    }

    private async Task LoseAsync(int times)
    {
        for (int time = 0; time < times; time++)
        {
            using var worker = Connect();
            await NextAsync(worker);
        }
    }

    private async Task<OrchestrationState> ParkedAsync()
    {
        while (true)
        {
            QueryInstancesResponse found = await Engine.QueryInstancesAsync(
                new() { Query = new() { RuntimeStatus = { OrchestrationStatus.Suspended } } },
                cancellationToken: Soon);
            if (found.OrchestrationState.Count > 0)
            {
                return Assert.Single(found.OrchestrationState);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), Soon);
        }
    }

    private async Task<OrchestrationState> EndAsync() => (await Engine.WaitForInstanceCompletionAsync(
        new() { InstanceId = "one", GetInputsAndOutputs = true }, cancellationToken: Soon)).OrchestrationState;
}
