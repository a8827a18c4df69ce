using System.Collections.Immutable;

namespace Microsoft.DurableTask;

/// <summary>How an activity or sub-orchestration is called.</summary>
public record TaskOptions
{
    /// <summary>Makes options.</summary>
    /// <param name="retry">How failures are retried.</param>
    public TaskOptions(TaskRetryOptions? retry)
        : this(retry, null)
    {
    }

    /// <summary>Makes options.</summary>
    /// <param name="retry">How failures are retried; null for never.</param>
    /// <param name="tags">Tags that travel with the call.</param>
    public TaskOptions(TaskRetryOptions? retry = null, IDictionary<string, string>? tags = null)
    {
        Retry = retry;
        Tags = tags;
    }

    /// <summary>Copies options.</summary>
    /// <param name="options">The options to copy.</param>
    public TaskOptions(TaskOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Retry = options.Retry;
        Tags = options.Tags?.ToImmutableDictionary();
        Version = options.Version;
    }

    /// <summary>How failures are retried.</summary>
    /// <value>Null for never.</value>
    public TaskRetryOptions? Retry { get; init; }

    /// <summary>Tags that travel with the call.</summary>
    /// <value>Null for none.</value>
    public IDictionary<string, string>? Tags { get; init; }

    /// <summary>The version to call.</summary>
    /// <value>Null takes the caller's version.</value>
    public TaskVersion? Version { get; init; }

    /// <summary>Options with a retry policy.</summary>
    /// <param name="policy">The policy.</param>
    /// <returns>New options.</returns>
    public static TaskOptions FromRetryPolicy(RetryPolicy policy) => new(new TaskRetryOptions(policy));

    /// <summary>Options with an asynchronous retry handler.</summary>
    /// <param name="handler">Decides after each failure.</param>
    /// <returns>New options.</returns>
    public static TaskOptions FromRetryHandler(AsyncRetryHandler handler) => new(new TaskRetryOptions(handler));

    /// <summary>Options with a retry handler.</summary>
    /// <param name="handler">Decides after each failure.</param>
    /// <returns>New options.</returns>
    public static TaskOptions FromRetryHandler(RetryHandler handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new(new TaskRetryOptions(context => Task.FromResult(handler(context))));
    }

    /// <summary>The same options with the id of the sub-orchestration.</summary>
    /// <param name="instanceId">The id.</param>
    /// <returns>New options.</returns>
    public SubOrchestrationOptions WithInstanceId(string instanceId) => new(this, instanceId);
}
