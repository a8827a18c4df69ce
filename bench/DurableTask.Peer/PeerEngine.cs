using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using DurableTask.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.DurableTask.Testing.Sidecar;
using Microsoft.DurableTask.Testing.Sidecar.Grpc;

namespace Workflows.DurableTask.Peer;

/// <summary>
/// The official in-memory engine, unchanged but for two answers: as published it takes as many work items as there are
/// processors, and sleeps half a second when it has them.
/// </summary>
internal sealed class PeerEngine : IAsyncDisposable
{
    private readonly WebApplication? _app;
    private readonly Process? _process;

    private PeerEngine(string address, WebApplication? app, Process? process)
    {
        Address = address;
        _app = app;
        _process = process;
    }

    public string Address { get; }

    /// <summary>Starts it in this process.</summary>
    public static async Task<PeerEngine> StartAsync(int port)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, port, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        var service = new WithoutLimits();
        builder.Services.AddSingleton<IOrchestrationService>(service);
        builder.Services.AddSingleton<IOrchestrationServiceClient>(service);
        builder.Services.AddSingleton<TaskHubGrpcServer>();
        WebApplication app = builder.Build();
        app.MapGrpcService<TaskHubGrpcServer>();
        await app.StartAsync();
        return new PeerEngine($"http://127.0.0.1:{port}", app, null);
    }

    /// <summary>Starts it as a process of its own.</summary>
    public static async Task<PeerEngine> StartChildAsync(int port)
    {
        Process process = Process.Start(new ProcessStartInfo("dotnet")
        {
            ArgumentList = { Environment.GetCommandLineArgs()[0], "--serve", $"{port}" },
        })!;
        while (true)
        {
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, port);
                return new PeerEngine($"http://127.0.0.1:{port}", null, process);
            }
            catch (SocketException) when (!process.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20));
            }
        }
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public Task UntilStoppedAsync() => _app!.WaitForShutdownAsync();

    /// <summary>Processor time of this process and of the engine's.</summary>
    public TimeSpan ProcessorTime()
    {
        _process?.Refresh();
        return Environment.CpuUsage.TotalTime + (_process?.TotalProcessorTime ?? TimeSpan.Zero);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        if (_app is not null)
        {
            await _app.DisposeAsync();
        }
    }

    private sealed class WithoutLimits : InMemoryOrchestrationService, IOrchestrationService
    {
        int IOrchestrationService.MaxConcurrentTaskOrchestrationWorkItems => 1000;

        int IOrchestrationService.MaxConcurrentTaskActivityWorkItems => 1000;
    }
}
