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
    private const string InputWorker = "inputs";
    private const int MostWaiting = 100_000;

    /// <exception cref="ServiceStartException">The connection string is not valid.</exception>
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
        var workers = AddWorkers(services, settings);
        if (settings.DurableTaskConnectionString is not { Length: > 0 } connection)
        {
            var address = (settings.DurableTaskAddress ?? embedded).ToString();
            client.UseGrpc(address);
            workers.ForEach(worker => worker.UseGrpc(address));
            if (settings.UsesEmbeddedEngine)
            {
                // The engine in this process is called without the network; its port stays open for other clients.
                services.AddOptions<GrpcDurableTaskClientOptions>().Configure<InProcessTaskHub>(
                    (options, hub) => options.CallInvoker = hub);
                workers.ForEach(worker => services.AddOptions<GrpcDurableTaskWorkerOptions>(worker.Name)
                    .Configure<InProcessTaskHub>((options, hub) => options.CallInvoker = hub));
            }

            return;
        }

        try
        {
            client.UseDurableTaskScheduler(connection);
            workers.ForEach(worker => worker.UseDurableTaskScheduler(connection));
        }
        catch (ArgumentException exception)
        {
            throw new ServiceStartException(
                $"The setting 'Workflows:DurableTaskConnectionString' cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>
    /// Creates one worker for the activities that read users' files and one for the others, so that a run cannot take
    /// the places that polling, cancelling and teardown need. Another backend may not support filters of work items;
    /// there one worker does everything.
    /// </summary>
    private static List<IDurableTaskWorkerBuilder> AddWorkers(IServiceCollection services, ServiceSettings settings)
    {
        var main = services.AddDurableTaskWorker();
        main.AddTasks(registry => registry.AddRunOrchestrations().AddRunActivities());
        var workers = new List<IDurableTaskWorkerBuilder> { main };
        if (settings.DurableTaskAddress is not null)
        {
            main.AddTasks(registry => registry.AddInputActivities());
        }
        else
        {
            main.UseWorkItemFilters();
            var inputs = services.AddDurableTaskWorker(InputWorker);
            inputs.AddTasks(registry => registry.AddInputActivities());
            inputs.UseWorkItemFilters();

            // These activities wait for their places inside (InputWork): one that waited in the engine would keep its
            // run from ending when it is cancelled.
            inputs.Configure(options => options.Concurrency.MaximumConcurrentActivityWorkItems = MostWaiting);
            workers.Add(inputs);
        }

        // The categories of older releases would repeat each log line.
        workers.ForEach(worker => worker.Configure(options => options.Logging.UseLegacyCategories = false));
        return workers;
    }
}
