using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Data.Sqlite;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Protobuf;
using Microsoft.DurableTask.Worker;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Storage;

/// <summary>Files that earlier releases wrote, recorded as they were.</summary>
public sealed class MigrationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("migration-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Open_FileOfAnyVersion_GoesOnWhereItStopped(int version)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        string file = Path.Combine(_folder, "taskhub.db");
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Storage", "Recorded", $"taskhub-v{version}.db"), file);
        Assert.Equal(version, Version(file));
        await using (SidecarHost sidecar = await SidecarHost.StartAsync(_folder))
        {
            DurableTaskClient client = await sidecar.WithWorkerAsync(AddTasks);
            OrchestrationMetadata ended = (await client.GetInstanceAsync("ended", true, deadline.Token))!;
            Assert.Equal(42, ended.ReadOutputAs<int>());
            OrchestrationMetadata waiting = (await client.GetInstanceAsync("waiting", true, deadline.Token))!;
            Assert.Equal("waiting", waiting.ReadCustomStatusAs<string>());
            await client.RaiseEventAsync("waiting", "go", 10, deadline.Token);

            Assert.Equal(13, await ResultAsync(client, "waiting", deadline.Token));
            Assert.Equal(6, await ResultAsync(client, "sleeping", deadline.Token));
            Assert.Equal(8, await ResultAsync(client, "pending", deadline.Token));
        }

        Assert.Equal(2, Version(file));
    }

    [Fact]
    public async Task Open_FileOfVersion2_HasItsEntitiesAndWhatIsParked()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        File.Copy(
            Path.Combine(AppContext.BaseDirectory, "Storage", "Recorded", "taskhub-v2.db"),
            Path.Combine(_folder, "taskhub.db"));
        await using SidecarHost sidecar = await SidecarHost.StartAsync(_folder);
        using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
        var engine = new TaskHubSidecarService.TaskHubSidecarServiceClient(channel);
        using AsyncServerStreamingCall<WorkItem> worker = engine.GetWorkItems(
            new() { WorkItemFilters = EntitiesOnly() }, cancellationToken: deadline.Token);

        Assert.True(await worker.ResponseStream.MoveNext(deadline.Token));
        EntityRequest batch = worker.ResponseStream.Current.EntityRequestV2;
        Assert.Equal("@counter@one", batch.InstanceId);
        Assert.Equal("5", batch.EntityState);
        Assert.Equal("add", Assert.Single(batch.OperationRequests).EntityOperationSignaled.Operation);
        GetInstanceResponse parked = await engine.GetInstanceAsync(
            new() { InstanceId = "parked" }, cancellationToken: deadline.Token);
        Assert.Equal(OrchestrationStatus.Suspended, parked.OrchestrationState.OrchestrationStatus);
        Assert.Equal("PoisonWorkItem", parked.OrchestrationState.FailureDetails.ErrorType);
    }

    /// <summary>Makes the file of the present version, once, when the format changes: run it with the folder in
    /// WORKFLOWS_RECORD_TO, and keep what it writes.</summary>
    [Fact(Explicit = true)]
    public async Task Record_ThePresentVersion()
    {
        string target = Environment.GetEnvironmentVariable("WORKFLOWS_RECORD_TO")!;
        CancellationToken soon = TestContext.Current.CancellationToken;
        await using (SidecarHost sidecar = await SidecarHost.StartAsync(_folder, configure: options =>
            options.MaxDispatches = 1))
        {
            using GrpcChannel channel = GrpcChannel.ForAddress(sidecar.Address);
            var engine = new TaskHubSidecarService.TaskHubSidecarServiceClient(channel);
            await RecordEntityAsync(engine, soon);
            await engine.StartInstanceAsync(new() { InstanceId = "parked", Name = "poison" }, cancellationToken: soon);
            var poisoned = new WorkItemFilters { Orchestrations = { new OrchestrationFilter { Name = "poison" } } };
            using (AsyncServerStreamingCall<WorkItem> lost = engine.GetWorkItems(
                new() { WorkItemFilters = poisoned }, cancellationToken: soon))
            {
                await lost.ResponseStream.MoveNext(soon);
            }

            await sidecar.AddWorkerAsync(AddTasks, worker => worker.UseWorkItemFilters());
            DurableTaskClient client = sidecar.CreateClient();
            await client.ScheduleNewOrchestrationInstanceAsync(
                "later", 41, new StartOrchestrationOptions("ended"), soon);
            await client.ScheduleNewOrchestrationInstanceAsync(
                "wait", 1, new StartOrchestrationOptions("waiting"), soon);
            await client.WaitForInstanceCompletionAsync("ended", soon);
            while ((await client.GetInstanceAsync("waiting", true, soon))!.SerializedCustomStatus is null)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10), soon);
            }

            await client.ScheduleNewOrchestrationInstanceAsync(
                "sleep", 5, new StartOrchestrationOptions("sleeping"), soon);
            await client.ScheduleNewOrchestrationInstanceAsync(
                "later", 7, new StartOrchestrationOptions("pending", DateTimeOffset.UtcNow.AddSeconds(60)), soon);
            await client.WaitForInstanceStartAsync("sleeping", soon);
        }

        File.Copy(Path.Combine(_folder, "taskhub.db"), Path.Combine(target, $"taskhub-v{Version(
            Path.Combine(_folder, "taskhub.db"))}.db"));
    }

    // A state, and a signal that no worker has seen.
    private static async Task RecordEntityAsync(
        TaskHubSidecarService.TaskHubSidecarServiceClient engine, CancellationToken soon)
    {
        var signal = new SignalEntityRequest { InstanceId = "@counter@one", Name = "add", Input = "5" };
        signal.RequestId = $"{Guid.NewGuid()}";
        await engine.SignalEntityAsync(signal, cancellationToken: soon);
        using (AsyncServerStreamingCall<WorkItem> worker = engine.GetWorkItems(
            new() { WorkItemFilters = EntitiesOnly() }, cancellationToken: soon))
        {
            await worker.ResponseStream.MoveNext(soon);
            await engine.CompleteEntityTaskAsync(
                new()
                {
                    CompletionToken = worker.ResponseStream.Current.CompletionToken,
                    EntityState = "5",
                    Results = { new OperationResult { Success = new() } },
                },
                cancellationToken: soon);
        }

        signal.RequestId = $"{Guid.NewGuid()}";
        await engine.SignalEntityAsync(signal, cancellationToken: soon);
    }

    private static WorkItemFilters EntitiesOnly() =>
        new() { Entities = { new EntityFilter { Name = "counter" } } };

    private static async Task<int> ResultAsync(DurableTaskClient client, string id, CancellationToken soon) =>
        (await client.WaitForInstanceCompletionAsync(id, true, soon)).ReadOutputAs<int>();

    private static void AddTasks(DurableTaskRegistry tasks)
    {
        tasks.AddOrchestratorFunc<int, int>("wait", async (context, value) =>
        {
            value = await context.CallActivityAsync<int>("one", value);
            context.SetCustomStatus("waiting");
            value += await context.WaitForExternalEvent<int>("go");
            return await context.CallActivityAsync<int>("one", value);
        });
        tasks.AddOrchestratorFunc<int, int>("sleep", async (context, value) =>
        {
            await context.CreateTimer(context.CurrentUtcDateTime.AddSeconds(2), CancellationToken.None);
            return await context.CallActivityAsync<int>("one", value);
        });
        tasks.AddOrchestratorFunc<int, int>(
            "later", (context, value) => context.CallActivityAsync<int>("one", value));
        tasks.AddActivityFunc<int, int>("one", (_, value) => value + 1);
    }

    private static long Version(string file)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        return (long)command.ExecuteScalar()!;
    }
}
