using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.DurableTask.Protobuf;
using Workflows.TestKit;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>Calls that mean anything or nothing: each is answered, and the engine goes on.</summary>
public sealed class RandomCallTests : HandWorkerTest
{

    public static TheoryData<int> SeedsOfCalls => [1, 2];

    [Theory]
    [MemberData(nameof(SeedsOfCalls))]
    public async Task Engine_CalledWithAnything_AnswersAndGoesOn(int seed)
    {
        var service = OrchestratorServiceReflection.Descriptor.Services.Single(
            each => each.Name == nameof(TaskHubSidecarService));
        using var channel = GrpcChannel.ForAddress(Sidecar.Address);
        var invoker = channel.CreateCallInvoker();
        string[] ids = ["one", "two", "three", "@entity@key"];
        foreach (var id in ids[..3])
        {
            await StartAsync(id);
        }

        var faults = new ConcurrentBag<string>();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 500), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Soon },
            async (each, cancellation) =>
            {
                var random = new Random((seed * 100_000) + each);
                var method = service.Methods[random.Next(service.Methods.Count)];
                if (method.Name is "DeleteTaskHub" || method.IsClientStreaming)
                {
                    return;
                }

                var request = new RandomMessages(random, ids).Next(method.InputType);
                var status = await RandomCalls.SendAsync(
                    invoker, method, request, TimeSpan.FromMilliseconds(300), cancellation);
                if (RandomCalls.IsFault(status))
                {
                    faults.Add($"{each}: {method.Name} of {request}: {status}");
                }
            });

        Assert.Empty(faults);
        await AssertGoesOnAsync();
    }

    /// <summary>A worker that answers each episode with random actions: the instance may fail, the engine
    /// not.</summary>
    [Theory]
    [MemberData(nameof(SeedsOfCalls))]
    public async Task Engine_AnsweredWithAnyActions_GoesOn(int seed)
    {
        var random = new Random(seed);
        var messages = new RandomMessages(random, "one", "two", "test", "work", "0", "1");
        using (var worker = Connect())
        {
            for (var each = 0; each < 150; each++)
            {
                await StartAsync($"start-{each}");
                var item = await NextAsync(worker);
                if (item.OrchestratorRequest is not { } work)
                {
                    continue;
                }

                var response = (OrchestratorResponse)messages.Next(OrchestratorResponse.Descriptor);
                (response.InstanceId, response.CompletionToken) = (work.InstanceId, item.CompletionToken);
                response.RequiresHistory &= random.Next(4) == 0;
                try
                {
                    await Engine.CompleteOrchestratorTaskAsync(response, cancellationToken: Soon);
                }
                catch (RpcException refusal)
                {
                    Assert.False(RandomCalls.IsFault(refusal.Status), $"{each}: {refusal.Status} for {response}");
                    await Engine.AbandonTaskOrchestratorWorkItemAsync(
                        new() { CompletionToken = item.CompletionToken }, cancellationToken: Soon);
                    await Engine.TerminateInstanceAsync(
                        new() { InstanceId = work.InstanceId, Recursive = true }, cancellationToken: Soon);
                }
            }
        }

        await AssertGoesOnAsync();
    }

    private async Task AssertGoesOnAsync()
    {
        await StartAsync("last");
        using var worker = Connect();
        while (true)
        {
            var item = await NextAsync(worker);
            if (item.OrchestratorRequest is { InstanceId: "last" })
            {
                await CompleteAsync(item, Finish(0));
                break;
            }
        }

        var answer = await Engine.WaitForInstanceCompletionAsync(
            new() { InstanceId = "last" }, cancellationToken: Soon);
        Assert.Equal(OrchestrationStatus.Completed, answer.OrchestrationState.OrchestrationStatus);
    }
}
