namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>The exception of a scenario that is not valid.</summary>
public sealed class ScenarioException : Exception
{
    internal ScenarioException(string field, string message, Exception? inner = null)
        : base($"Scenario, field '{field}': {message}", inner) => Field = field;

    /// <summary>Gets the field that is wrong.</summary>
    public string Field { get; }
}
