namespace Workflows.Service.Hosting;

/// <summary>The emulated cloud of rehearsal runs.</summary>
internal interface IRehearsalCloud
{
    /// <summary>Prepares an emulated project; does nothing if it exists.</summary>
    /// <param name="project">The project, one for each run.</param>
    /// <param name="scenarioPath">Scenario file; null for a cloud without faults.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>A task that completes when the project is on disk.</returns>
    /// <exception cref="Runs.RunRequestException">The scenario is not valid.</exception>
    public Task PrepareAsync(string project, string? scenarioPath, CancellationToken cancellation);
}
