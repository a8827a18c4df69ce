using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Workflows.DurableTask.Sidecar;

namespace Workflows.DurableTask.Tests.Hosting;

/// <summary>A sidecar on a free port of this process, with as many workers and clients as a test wants.</summary>
public sealed class SidecarHost : IAsyncDisposable
{
    private readonly List<IHost> _workers = [];
    private readonly List<ServiceProvider> _clients = [];
    private readonly bool _ownsFolder;
    private readonly Action<TaskHubSidecarOptions>? _configure;
    private WebApplication _app;

    private SidecarHost(
        WebApplication app,
        string folder,
        bool ownsFolder,
        Action<TaskHubSidecarOptions>? configure,
        IReadOnlyCollection<SeenCall> calls)
    {
        Calls = calls;
        _configure = configure;
        _app = app;
        Folder = folder;
        _ownsFolder = ownsFolder;
        IServer server = app.Services.GetRequiredService<IServer>();
        Address = server.Features.Get<IServerAddressesFeature>()!.Addresses.Single();
    }

    public string Address { get; private set; }

    public string Folder { get; }

    /// <summary>The way to the engine without a network.</summary>
    public InProcessTaskHub InProcess => _app.Services.GetRequiredService<InProcessTaskHub>();

    /// <summary>Every call that came so far.</summary>
    public IReadOnlyCollection<SeenCall> Calls { get; }

    public static async Task<SidecarHost> StartAsync(
        string? folder = null, int? port = null, Action<TaskHubSidecarOptions>? configure = null)
    {
        bool owns = folder is null;
        folder ??= Directory.CreateTempSubdirectory("taskhub-").FullName;
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        // A stop that waits for a connection hangs and is seen, whatever the machine's speed.
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromMinutes(5));
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(
                IPAddress.Loopback,
                port ?? Ports.Free(),
                endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddTaskHubSidecar(options =>
        {
            options.DataDirectory = folder;
            configure?.Invoke(options);
        });
        WebApplication app = builder.Build();
        var calls = new ConcurrentQueue<SeenCall>();
        app.Use((context, next) =>
        {
            calls.Enqueue(SeenCall.From(context.Request));
            return next(context);
        });
        app.MapTaskHubSidecar();
        await app.StartAsync();
        return new SidecarHost(app, folder, owns, configure, calls);
    }

    public async Task<DurableTaskClient> WithWorkerAsync(Action<DurableTaskRegistry> tasks)
    {
        await AddWorkerAsync(tasks);
        return CreateClient();
    }

    public async Task<IHost> AddWorkerAsync(
        Action<DurableTaskRegistry> tasks, Action<IDurableTaskWorkerBuilder>? configure = null)
    {
        IHost worker = await StartWorkerAsync(Address, tasks, configure);
        _workers.Add(worker);
        return worker;
    }

    public static async Task<IHost> StartWorkerAsync(
        string address, Action<DurableTaskRegistry> tasks, Action<IDurableTaskWorkerBuilder>? configure = null)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddLogging();
        builder.Services.AddDurableTaskWorker(worker =>
        {
            worker.AddTasks(tasks);
            worker.UseGrpc(address);
            configure?.Invoke(worker);
        });
        IHost host = builder.Build();
        await host.StartAsync();
        return host;
    }

    public DurableTaskClient CreateClient(Action<IDurableTaskClientBuilder>? configure = null)
    {
        ServiceProvider services = CreateClient(Address, out DurableTaskClient client, configure);
        _clients.Add(services);
        return client;
    }

    public static ServiceProvider CreateClient(
        string address, out DurableTaskClient client, Action<IDurableTaskClientBuilder>? configure = null)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddDurableTaskClient(builder =>
        {
            builder.UseGrpc(address);
            configure?.Invoke(builder);
        });
        ServiceProvider provider = services.BuildServiceProvider();
        client = provider.GetRequiredService<DurableTaskClient>();
        return provider;
    }

    /// <summary>Stops the sidecar and starts it again on the same port and file.</summary>
    public async Task RestartAsync()
    {
        int port = new Uri(Address).Port;
        await _app.StopAsync();
        await _app.DisposeAsync();
        SidecarHost next = await StartAsync(Folder, port, _configure);
        _app = next._app;
    }

    public async Task StopSidecarAsync() => await _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (ServiceProvider client in _clients)
        {
            await client.DisposeAsync();
        }

        foreach (IHost worker in _workers)
        {
            await worker.StopAsync();
            worker.Dispose();
        }

        await _app.StopAsync();
        await _app.DisposeAsync();
        if (_ownsFolder)
        {
            Directory.Delete(Folder, recursive: true);
        }
    }
}
