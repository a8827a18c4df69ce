using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Worker;
using Microsoft.DurableTask.Worker.Grpc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Microsoft.DurableTask.Testing;

/// <summary>Adds an engine, a worker and a client to a test's own host.</summary>
public static class DurableTaskTestExtensions
{
    /// <summary>Adds an engine that forgets everything at its end, with a worker and a client of it.</summary>
    /// <param name="services">The services; they must belong to a host, which starts engine and worker.</param>
    /// <param name="configureTasks">Adds the tasks.</param>
    /// <param name="options">The engine's port.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddInMemoryDurableTask(
        this IServiceCollection services,
        Action<DurableTaskRegistry> configureTasks,
        InMemoryDurableTaskOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configureTasks);
        services.AddSingleton(provider =>
            new TemporarySidecar(options?.Port, provider.GetService<ILoggerFactory>()));
        services.AddHostedService(provider => provider.GetRequiredService<TemporarySidecar>());
        services.AddOptions<GrpcDurableTaskWorkerOptions>().Configure<TemporarySidecar>(
            (worker, sidecar) => worker.Address = sidecar.Address);
        services.AddOptions<GrpcDurableTaskClientOptions>().Configure<TemporarySidecar>(
            (client, sidecar) => client.Address = sidecar.Address);
        services.AddDurableTaskWorker(builder => builder
            .AddTasks(configureTasks)
            .Configure(worker => worker.EnableEntitySupport = true)
            .UseGrpc());
        services.AddDurableTaskClient(builder => builder
            .Configure(client => client.EnableEntitySupport = true)
            .UseGrpc());
        return services;
    }
}
