using Azure.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Client.AzureManaged;
using Microsoft.DurableTask.Entities;
using Microsoft.DurableTask.Worker.AzureManaged;
using Microsoft.Extensions.Options;
using Workflows.DurableTask.Tests.EndToEnd;
using Workflows.DurableTask.Tests.Entities;

namespace Workflows.DurableTask.Tests.AzureManaged;

/// <summary>Worker and client that come as to Azure's Durable Task Scheduler, against the sidecar.</summary>
public sealed class SchedulerTests : EndToEndTest
{
    [Fact]
    public async Task ConnectionStrings_OfTwoHubs_ShareNothing()
    {
        await Sidecar.AddWorkerAsync(Tasks("red"), worker => worker.UseDurableTaskScheduler(Text("red")));
        await Sidecar.AddWorkerAsync(Tasks("blue"), worker => worker.UseDurableTaskScheduler(Text("blue")));
        DurableTaskClient red = Client(Text("red"));
        DurableTaskClient blue = Client(Text("blue"));
        var same = new StartOrchestrationOptions("same-id");

        await red.ScheduleNewOrchestrationInstanceAsync("where", null, same, Soon);
        await blue.ScheduleNewOrchestrationInstanceAsync("where", null, same, Soon);

        Assert.Equal("red", await ResultAsync(red));
        Assert.Equal("blue", await ResultAsync(blue));
        Assert.Null(await Client(Text("green")).GetInstanceAsync("same-id", Soon));

        async Task<string?> ResultAsync(DurableTaskClient client) =>
            (await client.WaitForInstanceCompletionAsync("same-id", true, Soon)).ReadOutputAs<string>();
    }

    [Fact]
    public async Task Entities_WithoutFurtherOptions_Run()
    {
        var id = new EntityInstanceId(nameof(Account), "one");
        await Sidecar.AddWorkerAsync(
            tasks =>
            {
                tasks.AddEntity<Account>();
                tasks.AddOrchestratorFunc<int>("test", async context =>
                {
                    await using (await context.Entities.LockEntitiesAsync(id))
                    {
                        return await context.Entities.CallEntityAsync<int>(id, "add", 4);
                    }
                });
            },
            worker => worker.UseDurableTaskScheduler(Text("x")));
        DurableTaskClient client = Client(Text("x"));

        Assert.Equal(4, (await RunAsync(client, "test")).ReadOutputAs<int>());
        Assert.Equal(4, (await client.Entities.GetEntityAsync<int>(id, Soon))!.State);
    }

    [Fact]
    public async Task Credential_GivesABearerTokenWithEveryCall()
    {
        var credential = new CountingCredential();
        await Sidecar.AddWorkerAsync(
            Tasks("x"),
            worker => worker.UseDurableTaskScheduler(
                Sidecar.Address, "x", credential, options => options.AllowInsecureCredentials = true));
        DurableTaskClient client = Sidecar.CreateClient(builder => builder.UseDurableTaskScheduler(
            Sidecar.Address, "x", credential, options => options.AllowInsecureCredentials = true));

        await RunAsync(client, "where");

        Assert.Equal("https://durabletask.io/.default", Assert.Single(credential.Scopes));
        Assert.Contains(Sidecar.Calls, call => call.Path.EndsWith("/GetWorkItems", StringComparison.Ordinal)
            && call["workerid"].Split(',').Length == 3 && call["taskhub"] == "x"
            && call["x-user-agent"].EndsWith("(DurableTaskWorker)", StringComparison.Ordinal));
        Assert.Contains(Sidecar.Calls, call => call.Path.EndsWith("/StartInstance", StringComparison.Ordinal)
            && call["workerid"].Length == 0
            && call["x-user-agent"].EndsWith("(DurableTaskClient)", StringComparison.Ordinal));
        Assert.All(
            Sidecar.Calls,
            call => Assert.StartsWith("Bearer token-", call["authorization"], StringComparison.Ordinal));
    }

    [Fact]
    public void CredentialWithoutTls_NotAllowed_IsRefusedWithTheOption()
    {
        DurableTaskClient Create() => Sidecar.CreateClient(
            builder => builder.UseDurableTaskScheduler(Sidecar.Address, "x", new CountingCredential()));

        OptionsValidationException error = Assert.Throws<OptionsValidationException>(Create);

        Assert.Contains("AllowInsecureCredentials", error.Message, StringComparison.Ordinal);
    }

    private static Action<DurableTaskRegistry> Tasks(string answer) =>
        tasks => tasks.AddOrchestratorFunc<string>("where", _ => Task.FromResult(answer));

    private string Text(string hub) => $"Endpoint={Sidecar.Address};TaskHub={hub};Authentication=None";

    private DurableTaskClient Client(string text) =>
        Sidecar.CreateClient(builder => builder.UseDurableTaskScheduler(text));

    private sealed class CountingCredential : TokenCredential
    {
        private int _count;

        public HashSet<string> Scopes { get; } = [];

        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
        {
            lock (Scopes)
            {
                Scopes.UnionWith(requestContext.Scopes);
                return new($"token-{++_count}", TimeProvider.System.GetUtcNow().AddHours(1));
            }
        }

        public override ValueTask<AccessToken> GetTokenAsync(
            TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            new(GetToken(requestContext, cancellationToken));
    }
}
