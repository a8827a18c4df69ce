namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>
/// Finds the orchestrator of an instance by the worker's rule, which <see cref="VersionTests"/> shows.
/// </summary>
internal static class OrchestratorTable
{
    /// <summary>
    /// Finds the row of exactly this version, or the one without a version when the name has no other.
    /// </summary>
    /// <exception cref="InvalidOperationException">The worker would fail the instance.</exception>
    public static RunOrchestrator Find(string name, string version)
    {
        var rows = OrchestrationRegistration.Orchestrators.Where(row => row.Name == name).ToList();
        return rows.Find(row => row.Version == version)
            ?? (rows.TrueForAll(row => row.Version.Length == 0) ? rows.FirstOrDefault() : null)
            ?? throw new InvalidOperationException(
                $"No orchestrator is registered for '{name}' of version '{version}', and recorded instances have it.");
    }
}
