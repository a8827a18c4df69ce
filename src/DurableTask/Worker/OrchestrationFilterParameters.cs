namespace Microsoft.DurableTask.Worker;

/// <summary>What an <see cref="IOrchestrationFilter"/> decides by.</summary>
public struct OrchestrationFilterParameters
{
    /// <summary>The orchestrator.</summary>
    public string? Name { get; init; }

    /// <summary>The tags that the orchestration was started with.</summary>
    public IReadOnlyDictionary<string, string>? Tags { get; init; }
}
