using Microsoft.Data.Sqlite;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Storage;

/// <summary>Files that earlier releases wrote, recorded as they were.</summary>
public sealed class MigrationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("migration-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Open_FileOfVersion1_GoesOnWhereItStopped()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(25));
        string file = Path.Combine(_folder, "taskhub.db");
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Storage", "Recorded", "taskhub-v1.db"), file);
        Assert.Equal(1, Version(file));
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
