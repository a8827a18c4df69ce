using Microsoft.DurableTask.Converters;

namespace Microsoft.DurableTask.Worker;

/// <summary>Options of a worker.</summary>
public class DurableTaskWorkerOptions
{
    private DataConverter _dataConverter = JsonDataConverter.Default;

    /// <summary>How a worker compares an orchestration's version with its own.</summary>
    public enum VersionMatchStrategy
    {
        /// <summary>Not at all.</summary>
        None = 0,

        /// <summary>They must be equal.</summary>
        Strict = 1,

        /// <summary>The orchestration's must not be higher.</summary>
        CurrentOrOlder = 2,
    }

    /// <summary>What happens to an orchestration whose version does not match.</summary>
    public enum VersionFailureStrategy
    {
        /// <summary>It is handed back for another worker.</summary>
        Reject = 0,

        /// <summary>It fails.</summary>
        Fail = 1,
    }

    /// <summary>Turns inputs, outputs and events into text and back.</summary>
    /// <value>Default: JSON, or the converter among the services.</value>
    public DataConverter DataConverter
    {
        get => _dataConverter;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _dataConverter = value;
            DataConverterExplicitlySet = true;
        }
    }

    /// <summary>Whether orchestrators may use durable entities. Entities themselves run either way.</summary>
    /// <value>Default: false; true with the Durable Task Scheduler.</value>
    public bool EnableEntitySupport { get; set; }

    /// <summary>The longest single timer; a longer one becomes several.</summary>
    /// <value>Default: 3 days.</value>
    public TimeSpan MaximumTimerInterval { get; set; } = TimeSpan.FromDays(3);

    /// <summary>How many work items run at once.</summary>
    public ConcurrencyOptions Concurrency { get; } = new();

    /// <summary>Which versions this worker runs.</summary>
    /// <value>Null: every version.</value>
    public VersioningOptions? Versioning { get; set; }

    /// <summary>Whether <c>UseVersioning</c> was called.</summary>
    public bool IsVersioningSet { get; internal set; }

    /// <summary>Decides which orchestrations this worker runs.</summary>
    /// <value>Null: the filter among the services, or all.</value>
    public IOrchestrationFilter? OrchestrationFilter { get; set; }

    /// <summary>How the worker logs.</summary>
    public LoggingOptions Logging { get; } = new();

    internal bool DataConverterExplicitlySet { get; private set; }

    internal void ApplyTo(DurableTaskWorkerOptions other)
    {
        if (!other.DataConverterExplicitlySet)
        {
            other._dataConverter = _dataConverter;
        }

        other.EnableEntitySupport |= EnableEntitySupport;
        other.MaximumTimerInterval = MaximumTimerInterval;
        other.Versioning ??= Versioning;
        other.IsVersioningSet |= IsVersioningSet;
        other.OrchestrationFilter ??= OrchestrationFilter;
        other.Logging.UseLegacyCategories = Logging.UseLegacyCategories;
        other.Concurrency.MaximumConcurrentActivityWorkItems = Concurrency.MaximumConcurrentActivityWorkItems;
        other.Concurrency.MaximumConcurrentOrchestrationWorkItems = Concurrency.MaximumConcurrentOrchestrationWorkItems;
        other.Concurrency.MaximumConcurrentEntityWorkItems = Concurrency.MaximumConcurrentEntityWorkItems;
    }

    /// <summary>How many work items run at once; the engine keeps to it.</summary>
    public class ConcurrencyOptions
    {
        /// <summary>Activities at once.</summary>
        /// <value>Default: 100 for each processor.</value>
        public int MaximumConcurrentActivityWorkItems { get; set; } = 100 * Environment.ProcessorCount;

        /// <summary>Orchestration episodes at once.</summary>
        /// <value>Default: 100 for each processor.</value>
        public int MaximumConcurrentOrchestrationWorkItems { get; set; } = 100 * Environment.ProcessorCount;

        /// <summary>Entity batches at once.</summary>
        /// <value>Default: 100 for each processor.</value>
        public int MaximumConcurrentEntityWorkItems { get; set; } = 100 * Environment.ProcessorCount;
    }

    /// <summary>Which versions a worker runs.</summary>
    public class VersioningOptions
    {
        /// <summary>The worker's version.</summary>
        public string Version { get; set; } = string.Empty;

        /// <summary>The version of sub-orchestrations that are called without one.</summary>
        public string DefaultVersion { get; set; } = string.Empty;

        /// <summary>How versions are compared.</summary>
        /// <value>Default: not at all.</value>
        public VersionMatchStrategy MatchStrategy { get; set; } = VersionMatchStrategy.None;

        /// <summary>What happens when they do not match.</summary>
        /// <value>Default: handed back.</value>
        public VersionFailureStrategy FailureStrategy { get; set; } = VersionFailureStrategy.Reject;
    }

    /// <summary>How a worker logs.</summary>
    public class LoggingOptions
    {
        /// <summary>Whether the older log categories are used besides the present ones; there are none here.</summary>
        /// <value>Default: true, of no effect.</value>
        public bool UseLegacyCategories { get; set; } = true;
    }
}
