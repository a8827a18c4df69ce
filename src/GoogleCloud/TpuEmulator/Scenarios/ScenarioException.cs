namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>A scenario that cannot be played.</summary>
public sealed class ScenarioException : Exception
{
    internal ScenarioException(string field, string message, Exception? inner = null)
        : base($"Scenario, field '{field}': {message}", inner) => Field = field;

    /// <summary>Gets the field that is wrong.</summary>
    public string Field { get; }
}
