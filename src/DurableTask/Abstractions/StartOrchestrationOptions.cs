using System.Collections.Immutable;

namespace Microsoft.DurableTask;

/// <summary>How an orchestration is started.</summary>
/// <param name="InstanceId">The id; null for a new one.</param>
/// <param name="StartAt">When it starts; null for now.</param>
public record StartOrchestrationOptions(string? InstanceId = null, DateTimeOffset? StartAt = null)
{
    /// <summary>Makes a copy.</summary>
    /// <param name="options">What is copied.</param>
    public StartOrchestrationOptions(StartOrchestrationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        InstanceId = options.InstanceId;
        StartAt = options.StartAt;
        Tags = options.Tags;
        Version = options.Version;
        DedupeStatuses = options.DedupeStatuses;
    }

    /// <summary>Tags kept with the orchestration.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>The version to start.</summary>
    /// <value>Null takes the client's default.</value>
    public TaskVersion? Version { get; init; }

    /// <summary>The statuses of an existing orchestration of this id that refuse the start.</summary>
    /// <value>Null leaves it to the engine: it refuses every unfinished orchestration.</value>
    public IReadOnlyList<string>? DedupeStatuses { get; init; }
}
