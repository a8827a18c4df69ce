namespace Workflows.Service.Hosting;

/// <summary>The emulated cloud of rehearsal runs.</summary>
internal interface IRehearsalCloud
{
    /// <summary>Prepares an emulated project, which is then on disk; does nothing if it exists.</summary>
    /// <param name="project">The project, one for each run.</param>
    /// <param name="scenario">The scenario's JSON.</param>
    /// <exception cref="Runs.RunRequestException">The scenario is not valid.</exception>
    public void Prepare(string project, string scenario);

    /// <summary>Returns the scenario of an emulated project; null if there is no such project.</summary>
    public string? ScenarioOf(string project);
}
