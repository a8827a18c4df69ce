using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Workflows.DurableTask.Sidecar;

namespace Microsoft.DurableTask.Testing;

/// <summary>An engine with a store in a temporary folder, which goes with it.</summary>
internal sealed class TemporarySidecar(int? port, ILoggerFactory? logs) : IHostedService, IAsyncDisposable
{
    private readonly int _port = port ?? FreePort();
    private readonly string _folder = Directory.CreateTempSubdirectory("taskhub-").FullName;
    private WebApplication? _application;

    public string Address => $"http://127.0.0.1:{_port}";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        if (logs is not null)
        {
            builder.Services.AddSingleton(logs);
        }

        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, _port, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddTaskHubSidecar(options => options.DataDirectory = _folder);
        _application = builder.Build();
        _application.MapTaskHubSidecar();
        await _application.StartAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) =>
        _application?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_application is not null)
        {
            await _application.DisposeAsync();
            _application = null;
        }

        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
