using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Workflows.DurableTask.Sidecar;

namespace Workflows.DurableTask.Bench;

/// <summary>An engine to measure: how to reach it, what it costs, and how to start it again.</summary>
internal sealed class Engine : IAsyncDisposable
{
    private readonly string _kind;
    private readonly string _folder;
    private readonly int _port = FreePort();
    private WebApplication? _app;
    private Process? _process;

    private Engine(string kind, string folder)
    {
        _kind = kind;
        _folder = folder;
    }

    public string Address => IsOwned ? $"http://127.0.0.1:{_port}" : _kind;

    /// <summary>Set when workers and clients need no network.</summary>
    public CallInvoker? Invoker => _kind == "inprocess" ? _app!.Services.GetRequiredService<InProcessTaskHub>() : null;

    /// <summary>Whether a restart keeps what the engine had: the peer stores nothing.</summary>
    public bool CanRestart => _kind is "inprocess" or "grpc" or "child";

    private bool IsOwned => CanRestart || _kind is "peer" or "peer-child";

    public static async Task<Engine> StartAsync(string kind, string folder)
    {
        var engine = new Engine(kind, folder);
        await engine.StartAsync();
        return engine;
    }

    /// <summary>Processor time of this process and of the engine's.</summary>
    public TimeSpan ProcessorTime()
    {
        _process?.Refresh();
        return Environment.CpuUsage.TotalTime + (_process?.TotalProcessorTime ?? TimeSpan.Zero);
    }

    /// <summary>Resident memory of the process that holds the engine.</summary>
    public long ResidentBytes()
    {
        if (_process is not null)
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }

        GC.Collect();
        return Environment.WorkingSet;
    }

    public async Task StartAsync()
    {
        switch (_kind)
        {
            case "inprocess" or "grpc":
                _app = Build();
                await _app.StartAsync();
                break;
            case "peer":
                _app = PeerEngine.Build(_port);
                await _app.StartAsync();
                break;
            case "child" or "peer-child":
                _process = Launch();
                await WaitForPortAsync();
                break;
        }
    }

    public async Task StopAsync()
    {
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
            _app = null;
        }

        if (_process is not null)
        {
            // SIGTERM, so that it stops in order.
            using Process kill = Process.Start("kill", [$"{_process.Id}"]);
            await _process.WaitForExitAsync();
            _process.Dispose();
            _process = null;
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private WebApplication Build()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, _port, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddTaskHubSidecar(options => options.DataDirectory = _folder);
        WebApplication app = builder.Build();
        app.MapTaskHubSidecar();
        return app;
    }

    private Process Launch()
    {
        string sidecar = Path.Combine(AppContext.BaseDirectory, "Workflows.DurableTask.Sidecar.dll");
        return Process.Start(new ProcessStartInfo("dotnet", _kind == "child"
            ? [sidecar, "--urls", Address, "--data", _folder, "--Logging:LogLevel:Default", "Error"]
            : [Environment.GetCommandLineArgs()[0], "--serve-peer", $"{_port}"])
        {
            UseShellExecute = false,
        })!;
    }

    private async Task WaitForPortAsync()
    {
        while (true)
        {
            if (_process!.HasExited)
            {
                throw new InvalidOperationException($"The sidecar ended with {_process.ExitCode}.");
            }

            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, _port);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20));
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
