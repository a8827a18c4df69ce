using DurableTask.Core.History;
using Grpc.Net.Client;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Workflows.DurableTask.Tests.Hosting;

/// <summary>The unchanged official worker and client against a task hub of this repository's engine.</summary>
public abstract class OfficialTest : IAsyncLifetime
{
    private readonly SidecarProgram _sidecar;
    private readonly List<IAsyncDisposable> _open = [];
    private readonly CancellationTokenSource _deadline = new();

    protected OfficialTest(SidecarProgram sidecar)
    {
        _sidecar = sidecar;
        Client = CreateClient();
    }

    protected CancellationToken Soon => _deadline.Token;

    protected DurableTaskClient Client { get; }

    protected string Hub { get; } = $"{Guid.NewGuid():N}";

    public ValueTask InitializeAsync()
    {
        // Not a measurement: only what hangs takes this long, on the slowest of machines, too.
        _deadline.CancelAfter(TimeSpan.FromMinutes(2));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable open in _open.AsEnumerable().Reverse())
        {
            await open.DisposeAsync();
        }

        _deadline.Dispose();
        GC.SuppressFinalize(this);
    }

    protected virtual void ConfigureClient(IDurableTaskClientBuilder client)
    {
    }

    protected virtual void ConfigureWorker(IDurableTaskWorkerBuilder worker)
    {
    }

    protected GrpcChannel OpenChannel(string role, string? hub = null)
    {
        GrpcChannel channel = GrpcChannel.ForAddress(
            _sidecar.Address,
            new GrpcChannelOptions { HttpHandler = new HubHandler(hub ?? Hub, role), DisposeHttpClient = true });
        _open.Add(new Closing(() =>
        {
            channel.Dispose();
            return Task.CompletedTask;
        }));
        return channel;
    }

    protected DurableTaskClient CreateClient(
        Action<IDurableTaskClientBuilder>? configure = null, string? hub = null)
    {
        GrpcChannel channel = OpenChannel("DurableTaskClient", hub);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddDurableTaskClient(client =>
        {
            client.UseGrpc(channel);
            ConfigureClient(client);
            configure?.Invoke(client);
        });
        ServiceProvider provider = services.BuildServiceProvider();
        _open.Add(provider);
        return provider.GetRequiredService<DurableTaskClient>();
    }

    /// <summary>Starts a worker; dispose of the answer to stop it before the test ends.</summary>
    protected async Task<IAsyncDisposable> WorkAsync(
        Action<DurableTaskRegistry> tasks, Action<IDurableTaskWorkerBuilder>? configure = null, string? hub = null)
    {
        GrpcChannel channel = OpenChannel("DurableTaskWorker", hub);
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddDurableTaskWorker(worker =>
        {
            worker.AddTasks(tasks);
            worker.UseGrpc(channel);
            ConfigureWorker(worker);
            configure?.Invoke(worker);
        });
        IHost host = builder.Build();
        await host.StartAsync(Soon);
        var closing = new Closing(async () =>
        {
            await host.StopAsync(CancellationToken.None);
            host.Dispose();
        });
        _open.Add(closing);
        return closing;
    }

    protected Task<string> StartAsync(TaskName name, object? input = null, StartOrchestrationOptions? options = null) =>
        Client.ScheduleNewOrchestrationInstanceAsync(name, input, options, Soon);

    protected Task<OrchestrationMetadata> EndAsync(string id) => Client.WaitForInstanceCompletionAsync(id, true, Soon);

    protected async Task<OrchestrationMetadata> RunAsync(TaskName name, object? input = null) =>
        await EndAsync(await StartAsync(name, input));

    /// <summary>Waits for what has no waiting call of its own.</summary>
    protected Task<OrchestrationMetadata> UntilAsync(string id, Func<OrchestrationMetadata, bool> condition) =>
        UntilAsync(id, state => Task.FromResult(condition(state)));

    protected async Task<OrchestrationMetadata> UntilAsync(
        string id, Func<OrchestrationMetadata, Task<bool>> condition)
    {
        while (true)
        {
            OrchestrationMetadata? state = await Client.GetInstanceAsync(id, true, Soon);
            if (state is not null && await condition(state))
            {
                return state;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), Soon);
        }
    }

    /// <summary>Waits until a worker has reported an event; gives the instance as it is after that.</summary>
    protected async Task<OrchestrationMetadata> UntilPastAsync<T>(string id)
        where T : HistoryEvent
    {
        await UntilAsync(id, async _ => (await Client.GetOrchestrationHistoryAsync(id, Soon)).Any(past => past is T));
        return (await Client.GetInstanceAsync(id, true, Soon))!;
    }

    protected static void Completed(OrchestrationMetadata state) => Assert.True(
        state.RuntimeStatus == OrchestrationRuntimeStatus.Completed,
        $"{state.RuntimeStatus}: {state.FailureDetails?.ErrorMessage}");

    private sealed class Closing(Func<Task> close) : IAsyncDisposable
    {
        private Func<Task>? _close = close;

        public async ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _close, null) is { } once)
            {
                await once();
            }
        }
    }
}
