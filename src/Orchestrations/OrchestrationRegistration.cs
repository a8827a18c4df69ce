using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>Registers the orchestrations.</summary>
public static class OrchestrationRegistration
{
    /// <summary>
    /// Every orchestrator with its versions. A row is never changed, and is removed only when no instance of it can
    /// exist: see "A change of an orchestrator" in CONTRIBUTING.md.
    /// </summary>
    public static IReadOnlyList<RunOrchestrator> Orchestrators { get; } =
    [
        new(nameof(FineTuneOrchestration), "", () => new FineTuneOrchestrationV1()),
        new(nameof(FineTuneOrchestration), FineTuneOrchestration.Version, () => new FineTuneOrchestration()),
        new(nameof(VariantsOrchestration), "", () => new VariantsOrchestration()),
        new(nameof(AcquireTpuOrchestration), "", () => new AcquireTpuOrchestration()),
        new(nameof(TpuWorkOrchestration), "", () => new TpuWorkOrchestration()),
        new(nameof(TeardownOrchestration), "", () => new TeardownOrchestration()),
        new(nameof(SweepOrchestration), "", () => new SweepOrchestration()),
    ];

    /// <summary>Adds every orchestration of this assembly.</summary>
    /// <param name="registry">The worker's registry.</param>
    /// <returns>The same registry.</returns>
    public static DurableTaskRegistry AddRunOrchestrations(this DurableTaskRegistry registry)
    {
        foreach (var (name, version, create) in Orchestrators)
        {
            registry.AddOrchestrator(name, new TaskVersion(version), create);
        }

        return registry;
    }
}

/// <summary>The class that runs the instances of one name and version.</summary>
/// <param name="Name">Name with which instances are started.</param>
/// <param name="Version">Version with which instances are started; empty for none.</param>
/// <param name="Create">Creates an orchestrator for one episode.</param>
public sealed record RunOrchestrator(string Name, string Version, Func<ITaskOrchestrator> Create);
