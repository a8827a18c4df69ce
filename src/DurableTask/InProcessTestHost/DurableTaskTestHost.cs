using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Microsoft.DurableTask.Testing;

/// <summary>A whole Durable Task system in the test's process: engine, worker and client.</summary>
public sealed class DurableTaskTestHost : IAsyncDisposable
{
    private readonly IHost _host;

    private DurableTaskTestHost(IHost host)
    {
        _host = host;
        Client = host.Services.GetRequiredService<DurableTaskClient>();
    }

    /// <summary>Starts and watches orchestrations.</summary>
    public DurableTaskClient Client { get; }

    /// <summary>The worker's services.</summary>
    public IServiceProvider Services => _host.Services;

    /// <summary>Starts the system.</summary>
    /// <param name="registry">Adds the tasks.</param>
    /// <param name="options">Port, logs and services.</param>
    /// <param name="cancellationToken">Gives up starting.</param>
    /// <returns>The running system; disposing it stops it and forgets everything.</returns>
    public static async Task<DurableTaskTestHost> StartAsync(
        Action<DurableTaskRegistry> registry,
        DurableTaskTestHostOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddLogging();
        if (options?.LoggerFactory is { } logs)
        {
            builder.Services.AddSingleton(logs);
        }

        options?.ConfigureServices?.Invoke(builder.Services);
        builder.Services.AddInMemoryDurableTask(
            registry, new InMemoryDurableTaskOptions { Port = options?.Port });
        IHost host = builder.Build();
        await host.StartAsync(cancellationToken);
        return new DurableTaskTestHost(host);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        if (_host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
        else
        {
            _host.Dispose();
        }
    }
}
