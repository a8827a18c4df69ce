namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>Controls the emulator from the application around it.</summary>
public interface ITpuEmulator
{
    /// <summary>Sets the scenario of a project; does nothing if it has one.</summary>
    /// <param name="project">The project's id.</param>
    /// <param name="scenarioJson">The scenario.</param>
    /// <exception cref="ScenarioException">The scenario is wrong.</exception>
    public void Prepare(string project, string scenarioJson);

    /// <summary>Returns the scenario of a project.</summary>
    /// <param name="project">The project's id.</param>
    /// <returns>Its JSON; null if there is no such project.</returns>
    public string? ScenarioOf(string project);

    /// <summary>Lists the projects that have nodes or queued resources now, even if their API is off.</summary>
    /// <returns>Their ids in alphabetical order.</returns>
    public IReadOnlyList<string> Occupied();
}
