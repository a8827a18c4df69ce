using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.EndToEnd;

public sealed class ConnectionTests : EndToEndTest
{
    [Fact]
    public async Task Worker_StartedBeforeTheSidecar_ConnectsLater()
    {
        int port = Ports.Free();
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        using IHost worker = await SidecarHost.StartWorkerAsync($"http://127.0.0.1:{port}", AddEcho);
        // It has tried, and found nobody who answers.
        (await listener.AcceptTcpClientAsync(Soon)).Dispose();
        listener.Stop();
        await using SidecarHost late = await SidecarHost.StartAsync(port: port);

        OrchestrationMetadata result = await RunAsync(late.CreateClient(), "echo", 1);
        await worker.StopAsync(Soon);

        Assert.Equal(1, result.ReadOutputAs<int>());
    }

    [Fact]
    public async Task Worker_GoneInMidActivity_AnotherTakesOver()
    {
        var started = new TaskCompletionSource();
        using IHost first = await SidecarHost.StartWorkerAsync(Sidecar.Address, tasks =>
        {
            AddCaller(tasks);
            tasks.AddActivityFunc<string>("work", async (TaskActivityContext _) =>
            {
                started.TrySetResult();
                await Task.Delay(Timeout.Infinite, Soon);
                return "first";
            });
        });
        DurableTaskClient client = Sidecar.CreateClient();
        string id = await client.ScheduleNewOrchestrationInstanceAsync("calls", Soon);
        await started.Task.WaitAsync(Soon);

        await first.StopAsync(Soon);
        await Sidecar.AddWorkerAsync(tasks =>
        {
            AddCaller(tasks);
            tasks.AddActivityFunc<string>("work", (TaskActivityContext _) => "second");
        });
        OrchestrationMetadata result = await client.WaitForInstanceCompletionAsync(id, true, Soon);

        Assert.Equal("second", result.ReadOutputAs<string>());
    }

    [Fact]
    public async Task Sidecar_Restarted_GoesOnWithTimersEventsAndActivities()
    {
        await Sidecar.AddWorkerAsync(tasks =>
        {
            AddEcho(tasks);
            tasks.AddOrchestratorFunc<int>("long", async context =>
            {
                Task timer = context.CreateTimer(TimeSpan.FromMilliseconds(700), CancellationToken.None);
                int value = await context.WaitForExternalEvent<int>("go");
                await timer;
                return await context.CallActivityAsync<int>("twice", value);
            });
            tasks.AddActivityFunc<int, int>("twice", (_, value) => value * 2);
        });
        DurableTaskClient client = Sidecar.CreateClient();
        OrchestrationMetadata before = await RunAsync(client, "echo", 5);
        string id = await client.ScheduleNewOrchestrationInstanceAsync("long", Soon);
        await client.WaitForInstanceStartAsync(id, Soon);
        await client.RaiseEventAsync(id, "go", 21, Soon);

        await Sidecar.RestartAsync();
        OrchestrationMetadata result = await client.WaitForInstanceCompletionAsync(id, true, Soon);
        OrchestrationMetadata? kept = await client.GetInstanceAsync(before.InstanceId, true, Soon);

        Assert.Equal(42, result.ReadOutputAs<int>());
        Assert.Equal(5, kept!.ReadOutputAs<int>());
        Assert.Equal(before.CreatedAt, kept.CreatedAt);
    }

    [Fact]
    public async Task Stop_WithConnectedWorkerAndWaiter_WaitsForNeither()
    {
        DurableTaskClient client = await Sidecar.WithWorkerAsync(
            tasks => tasks.AddOrchestratorFunc<int>("waits", context => context.WaitForExternalEvent<int>("never")));
        string id = await client.ScheduleNewOrchestrationInstanceAsync("waits", Soon);
        Task<OrchestrationMetadata> wait = client.WaitForInstanceCompletionAsync(id, Soon);
        await client.WaitForInstanceStartAsync(id, Soon);

        // The host would wait for longer than this test may take.
        await Sidecar.StopSidecarAsync().WaitAsync(Soon);

        await Assert.ThrowsAnyAsync<Exception>(() => wait);
    }

    [Fact]
    public async Task History_OfManyMegabytes_ReachesTheWorker()
    {
        await Sidecar.AddWorkerAsync(tasks =>
        {
            tasks.AddOrchestratorFunc<int, int>("big", async (context, count) =>
            {
                string[] texts = await Task.WhenAll(
                    Enumerable.Range(0, count).Select(_ =>
                        context.CallActivityAsync<string>("text", new string('x', 100_000))));
                await context.CallActivityAsync<string>("text", "end");
                return texts.Sum(text => text.Length);
            });
            tasks.AddActivityFunc<string, string>("text", (_, text) => text);
        });

        OrchestrationMetadata result = await RunAsync(Sidecar.CreateClient(), "big", 60);

        Assert.Equal(6_000_000, result.ReadOutputAs<int>());
    }

    [Fact]
    public async Task History_OfTenThousandEvents_IsReplayedByTheWorker()
    {
        await Sidecar.AddWorkerAsync(tasks =>
        {
            tasks.AddOrchestratorFunc<int, int>("long", async (context, count) =>
            {
                int[] all = await Task.WhenAll(
                    Enumerable.Range(0, count).Select(item => context.CallActivityAsync<int>("one", item)));
                return all.Sum() + await context.CallActivityAsync<int>("one", 0);
            });
            tasks.AddActivityFunc<int, int>("one", (_, _) => 1);
        });
        DurableTaskClient client = Sidecar.CreateClient();

        OrchestrationMetadata result = await RunAsync(client, "long", 5000);

        Assert.Equal(5001, result.ReadOutputAs<int>());
        using GrpcChannel channel = GrpcChannel.ForAddress(Sidecar.Address);
        using AsyncServerStreamingCall<HistoryChunk> call =
            new TaskHubSidecarService.TaskHubSidecarServiceClient(channel).StreamInstanceHistory(
                new() { InstanceId = result.InstanceId }, cancellationToken: Soon);
        int events = 0;
        while (await call.ResponseStream.MoveNext(Soon))
        {
            events += call.ResponseStream.Current.Events.Count;
        }

        Assert.InRange(events, 10_000, int.MaxValue);
    }

    [Fact]
    public async Task Activities_RegisteredByType_GetTheirArgumentsFromServices()
    {
        await Sidecar.AddWorkerAsync(
            tasks =>
            {
                tasks.AddOrchestrator<GreetOrchestration>();
                tasks.AddActivity<GreetActivity>();
            },
            worker => worker.Services.AddScoped(_ => new Greeting("Hello")));

        OrchestrationMetadata result = await RunAsync(Sidecar.CreateClient(), "greet-all", "World");

        Assert.Equal("Hello, World", result.ReadOutputAs<string>());
    }

    private static void AddEcho(DurableTaskRegistry tasks) =>
        tasks.AddOrchestratorFunc<int, int>("echo", (_, value) => Task.FromResult(value));

    private static void AddCaller(DurableTaskRegistry tasks) =>
        tasks.AddOrchestratorFunc<string>("calls", context => context.CallActivityAsync<string>("work"));

    private sealed record Greeting(string Text);

    [DurableTask("greet-all")]
    private sealed class GreetOrchestration : TaskOrchestrator<string, string>
    {
        public override Task<string> RunAsync(TaskOrchestrationContext context, string input) =>
            context.CallActivityAsync<string>(nameof(GreetActivity), input);
    }

    private sealed class GreetActivity(Greeting greeting) : TaskActivity<string, string>
    {
        public override Task<string> RunAsync(TaskActivityContext context, string input) =>
            Task.FromResult($"{greeting.Text}, {input}");
    }
}
