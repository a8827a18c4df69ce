using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Worker;
using Microsoft.DurableTask.Worker.Grpc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Workflows.DurableTask.Sidecar;

namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>The engine with an official worker and client in one process.</summary>
internal sealed class TestHub : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestHub(WebApplication app) => _app = app;

    public DurableTaskClient Client => _app.Services.GetRequiredService<DurableTaskClient>();

    /// <summary>Starts all three.</summary>
    /// <param name="folder">Folder of the engine's file.</param>
    /// <param name="tasks">Registers the worker's tasks.</param>
    /// <param name="interceptor">Sees the worker's calls.</param>
    public static async Task<TestHub> StartAsync(
        string folder, Action<DurableTaskRegistry> tasks, Interceptor? interceptor = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromMinutes(5));
        builder.Services.AddTaskHubSidecar(options => options.DataDirectory = folder);
        builder.Services.AddDurableTaskWorker(worker => worker.AddTasks(tasks).UseGrpc());
        builder.Services.AddDurableTaskClient(client => client.UseGrpc());
        builder.Services.AddOptions<GrpcDurableTaskWorkerOptions>().Configure<InProcessTaskHub>(
            (options, hub) => options.CallInvoker = interceptor is null ? hub : hub.Intercept(interceptor));
        builder.Services.AddOptions<GrpcDurableTaskClientOptions>().Configure<InProcessTaskHub>(
            (options, hub) => options.CallInvoker = hub);
        var app = builder.Build();
        app.MapTaskHubSidecar();
        await app.StartAsync();
        return new TestHub(app);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
