namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>The exception of a scenario that is not valid.</summary>
public sealed class ScenarioException : Exception
{
    internal ScenarioException(string field, string message, Exception? inner = null)
        : base($"Scenario, field '{field}': {message}", inner) => Field = field;

    /// <summary>Repeats the words of an emulator that is another program.</summary>
    internal ScenarioException(string words)
        : base(words) => Field = "";

    /// <summary>Gets the field that is wrong; empty if only the message tells it.</summary>
    public string Field { get; }
}
