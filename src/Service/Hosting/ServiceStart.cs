using Microsoft.AspNetCore.Connections;
using Workflows.DurableTask.Sidecar;

namespace Workflows.Service.Hosting;

/// <summary>Starts the service and reports failures that the user can fix as ServiceStartException.</summary>
public static class ServiceStart
{
    /// <summary>Starts the service.</summary>
    /// <param name="application">The application of <see cref="WorkflowsService.Build"/>.</param>
    /// <param name="ports">Its ports, saved for the next start and for other commands.</param>
    /// <param name="stateDirectory">Its state folder.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A task that completes when the service takes requests.</returns>
    /// <exception cref="ServiceStartException">The state is in use or broken, or a port is taken.</exception>
    public static async Task StartOrExplainAsync(
        this WebApplication application, ServicePorts ports, string stateDirectory,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(application);
        ArgumentNullException.ThrowIfNull(ports);
        try
        {
            await application.StartAsync(cancellationToken);
            ports.Keep(stateDirectory);
        }
        catch (TaskHubStoreException exception)
        {
            await application.DisposeAsync();
            throw new ServiceStartException(
                $"The state in '{stateDirectory}' cannot be opened: {exception.Message}", exception)
            {
                IsInUse = exception.Error == TaskHubStoreError.InUse,
            };
        }
        catch (IOException exception)
        {
            await application.DisposeAsync();
            throw new ServiceStartException(
                $"The service cannot listen: {exception.Message} Choose other ports with --urls.", exception)
            {
                IsPortTaken = exception.InnerException is AddressInUseException,
            };
        }
    }
}
