using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Workflows.DurableTask.Tests.Hosting;

namespace Workflows.DurableTask.Tests.Sdk;

/// <summary>The sidecar is killed under an official worker and client that have nothing but its address.</summary>
public sealed class RecoveryTests : IAsyncLifetime
{
    private readonly SidecarProgram _sidecar = new();
    private readonly CancellationTokenSource _deadline = new();

    private CancellationToken Soon => _deadline.Token;

    public async ValueTask InitializeAsync()
    {
        await _sidecar.InitializeAsync();
        _deadline.CancelAfter(TimeSpan.FromMinutes(2));
    }

    public async ValueTask DisposeAsync()
    {
        await _sidecar.DisposeAsync();
        _deadline.Dispose();
    }

    [Fact]
    public async Task Kill_WithWorkOfEveryKindOpen_LosesNothing()
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        var running = new TaskCompletionSource();
        var gate = new TaskCompletionSource();
        builder.Services.AddDurableTaskWorker(worker => worker.UseGrpc(_sidecar.Address).AddTasks(tasks => tasks
            .AddOrchestratorFunc<string>("all", async context =>
            {
                Task timer = context.CreateTimer(TimeSpan.FromMilliseconds(1500), CancellationToken.None);
                Task<int> raised = context.WaitForExternalEvent<int>("go");
                Task<int> slow = context.CallActivityAsync<int>("slow");
                int child = await context.CallSubOrchestratorAsync<int>("child");
                await timer;
                return $"{child} {await slow} {await raised}";
            })
            .AddOrchestratorFunc<int>("child", context => context.WaitForExternalEvent<int>("go"))
            .AddActivityFunc<int>("slow", async _ =>
            {
                running.TrySetResult();
                await gate.Task;
                return 2;
            })));
        builder.Services.AddDurableTaskClient(client => client.UseGrpc(_sidecar.Address));
        using IHost host = builder.Build();
        await host.StartAsync(Soon);
        DurableTaskClient reached = host.Services.GetRequiredService<DurableTaskClient>();
        string id = await reached.ScheduleNewOrchestrationInstanceAsync("all", Soon);
        await reached.RaiseEventAsync(id, "go", 3, Soon);
        await running.Task.WaitAsync(Soon);
        string child = await ChildAsync(reached, id);

        await _sidecar.KillAsync();
        gate.SetResult();
        await _sidecar.StartAsync();
        await AgainAsync(() => reached.RaiseEventAsync(child, "go", 1, Soon));
        OrchestrationMetadata? state = null;
        await AgainAsync(async () => state = await reached.WaitForInstanceCompletionAsync(id, true, Soon));

        Assert.Equal(OrchestrationRuntimeStatus.Completed, state!.RuntimeStatus);
        Assert.Equal("1 2 3", state.ReadOutputAs<string>());
        await host.StopAsync(Soon);
    }

    private async Task<string> ChildAsync(DurableTaskClient client, string parent)
    {
        while (true)
        {
            await foreach (OrchestrationMetadata state in client.GetAllInstancesAsync().WithCancellation(Soon))
            {
                if (state.InstanceId != parent && state.RuntimeStatus == OrchestrationRuntimeStatus.Running)
                {
                    return state.InstanceId;
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), Soon);
        }
    }

    // The client's own channel may still be waiting to connect again.
    private async Task AgainAsync(Func<Task> call)
    {
        while (true)
        {
            try
            {
                await call();
                return;
            }
            catch (Grpc.Core.RpcException error) when (error.StatusCode == Grpc.Core.StatusCode.Unavailable)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), Soon);
            }
        }
    }
}
