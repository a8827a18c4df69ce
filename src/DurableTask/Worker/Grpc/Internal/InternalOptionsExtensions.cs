namespace Microsoft.DurableTask.Worker.Grpc.Internal;

/// <summary>What only packages that extend this one set.</summary>
public static class InternalOptionsExtensions
{
    /// <summary>Has orchestrators write messages to entities the way the Durable Task Scheduler reads them.</summary>
    /// <param name="options">The worker's options.</param>
    public static void ConfigureForAzureManaged(this GrpcDurableTaskWorkerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.IsAzureManaged = true;
    }
}
