namespace Microsoft.DurableTask;

/// <summary>How an orchestration starts over with a fresh history.</summary>
public class ContinueAsNewOptions
{
    /// <summary>The input of the next generation.</summary>
    /// <value>A serializable value; null for no input.</value>
    public object? NewInput { get; set; }

    /// <summary>Whether events that were received but not awaited go to the next generation.</summary>
    /// <value>Default: true.</value>
    public bool PreserveUnprocessedEvents { get; set; } = true;

    /// <summary>The version of the next generation.</summary>
    /// <value>Null keeps the version.</value>
    public string? NewVersion { get; set; }
}
