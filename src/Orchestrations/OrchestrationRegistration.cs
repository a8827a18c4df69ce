using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>Registers the orchestrations.</summary>
public static class OrchestrationRegistration
{
    /// <summary>Adds every orchestration of this assembly.</summary>
    /// <param name="registry">The worker's registry.</param>
    /// <returns>The same registry.</returns>
    public static DurableTaskRegistry AddRunOrchestrations(this DurableTaskRegistry registry)
    {
        registry.AddOrchestrator<FineTuneOrchestration>();
        registry.AddOrchestrator<AcquireTpuOrchestration>();
        registry.AddOrchestrator<TpuWorkOrchestration>();
        registry.AddOrchestrator<TeardownOrchestration>();
        return registry;
    }
}
