namespace Microsoft.DurableTask.Client.Entities;

/// <summary>What a clean-up of the entities does.</summary>
public readonly record struct CleanEntityStorageRequest
{
    /// <summary>Everything, from the start.</summary>
    public static CleanEntityStorageRequest Default { get; } = new()
    {
        RemoveEmptyEntities = true,
        ReleaseOrphanedLocks = true,
    };

    /// <summary>Whether entities without state, queue and lock are removed.</summary>
    public bool RemoveEmptyEntities { get; init; }

    /// <summary>Whether locks of orchestrations that do not run any more are released.</summary>
    public bool ReleaseOrphanedLocks { get; init; }

    /// <summary>Where to go on.</summary>
    /// <value>Null for the start.</value>
    public string? ContinuationToken { get; init; }
}
