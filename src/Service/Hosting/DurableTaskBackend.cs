using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Client.AzureManaged;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Worker;
using Microsoft.DurableTask.Worker.AzureManaged;
using Microsoft.DurableTask.Worker.Grpc;
using Workflows.Activities;
using Workflows.DurableTask.Sidecar;
using Workflows.Orchestrations;

namespace Workflows.Service.Hosting;

/// <summary>Connects worker and client to the engine that the settings name, or to the one inside the
/// service.</summary>
internal static class DurableTaskBackend
{
    /// <exception cref="ServiceStartException">The connection string cannot be used.</exception>
    public static void Add(IServiceCollection services, ServiceSettings settings, Uri embedded)
    {
        if (settings.UsesEmbeddedEngine)
        {
            services.AddTaskHubSidecar(
                options => options.DataDirectory = Path.Combine(settings.StateDirectory, "engine"));
        }
        else
        {
            services.AddHostedService<StateLock>();
        }

        var client = services.AddDurableTaskClient();
        var worker = services.AddDurableTaskWorker();
        worker.AddTasks(registry => registry.AddRunOrchestrations().AddRunActivities());
        // The categories of older releases would repeat each line of the log.
        worker.Configure(options => options.Logging.UseLegacyCategories = false);
        if (settings.DurableTaskConnectionString is not { Length: > 0 } connection)
        {
            var address = (settings.DurableTaskAddress ?? embedded).ToString();
            client.UseGrpc(address);
            worker.UseGrpc(address);
            if (settings.UsesEmbeddedEngine)
            {
                // The engine in this process is called without the network; its port stays open for others.
                services.AddOptions<GrpcDurableTaskClientOptions>().Configure<InProcessTaskHub>(
                    (options, hub) => options.CallInvoker = hub);
                services.AddOptions<GrpcDurableTaskWorkerOptions>().Configure<InProcessTaskHub>(
                    (options, hub) => options.CallInvoker = hub);
            }

            return;
        }

        try
        {
            client.UseDurableTaskScheduler(connection);
            worker.UseDurableTaskScheduler(connection);
        }
        catch (ArgumentException exception)
        {
            throw new ServiceStartException(
                $"The setting 'Workflows:DurableTaskConnectionString' cannot be used: {exception.Message}", exception);
        }
    }
}
