namespace Microsoft.DurableTask.Client.Entities;

/// <summary>What a clean-up of the entities did.</summary>
public readonly record struct CleanEntityStorageResult
{
    /// <summary>How many entities were removed.</summary>
    public int EmptyEntitiesRemoved { get; init; }

    /// <summary>How many locks were released.</summary>
    public int OrphanedLocksReleased { get; init; }

    /// <summary>Where to go on.</summary>
    /// <value>Null when everything is done.</value>
    public string? ContinuationToken { get; init; }
}
