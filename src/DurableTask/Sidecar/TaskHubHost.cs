using Grpc.Core;
using Microsoft.Extensions.Options;
using Workflows.DurableTask.Sidecar.Engine;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar;

/// <summary>Opens the store and runs the engine with the host; a failed commit stops the host.</summary>
internal sealed class TaskHubHost(
    IOptions<TaskHubSidecarOptions> options,
    IHostApplicationLifetime lifetime,
    ILoggerFactory loggers,
    TimeProvider? time = null,
    FaultInjection? faults = null) : IHostedService
{
    private TaskHubEngine? _engine;

    public TaskHubSidecarOptions Options { get; } = options.Value;

    public TimeProvider Time { get; } = time ?? TimeProvider.System;

    /// <summary>The error that stopped the engine; null while it runs and after a requested stop.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>Gets a value indicating whether the engine runs and its last commit succeeded.</summary>
    public bool IsHealthy => _engine is { Fault: null };

    /// <exception cref="RpcException">The engine is not running.</exception>
    public TaskHubEngine Engine => _engine
        ?? throw new RpcException(new Status(StatusCode.Unavailable, "The engine is not running."));

    public Task StartAsync(CancellationToken cancellationToken)
    {
        string path = Path.Combine(Path.GetFullPath(Options.DataDirectory), "taskhub.db");
        TaskHubStore store = TaskHubStore.Open(path, loggers.CreateLogger("Workflows.DurableTask.Storage"), faults);
        try
        {
            _engine = new TaskHubEngine(
                store, Options, Time, loggers.CreateLogger("Workflows.DurableTask.Engine"));
        }
        catch
        {
            store.Dispose();
            throw;
        }

        TaskHubEngine engine = _engine;
        engine.Faulted += () =>
        {
            Fault = engine.Fault;
            lifetime.StopApplication();
        };
        // Streams must end before the web server waits for its calls to end.
        lifetime.ApplicationStopping.Register(_engine.BeginStop);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _engine, null) is { } engine)
        {
            await engine.StopAsync();
        }
    }
}
