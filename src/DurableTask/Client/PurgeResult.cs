namespace Microsoft.DurableTask.Client;

/// <summary>What a purge did.</summary>
public class PurgeResult
{
    /// <summary>Makes a result.</summary>
    /// <param name="count">How many instances were removed.</param>
    public PurgeResult(int count)
        : this(count, null)
    {
    }

    /// <summary>Makes a result.</summary>
    /// <param name="count">How many instances were removed.</param>
    /// <param name="isComplete">Whether all that match are removed; null when unknown.</param>
    public PurgeResult(int count, bool? isComplete)
    {
        PurgedInstanceCount = count;
        IsComplete = isComplete;
    }

    /// <summary>How many instances were removed.</summary>
    public int PurgedInstanceCount { get; }

    /// <summary>Whether all that match are removed.</summary>
    /// <value>Null when unknown.</value>
    public bool? IsComplete { get; }
}
