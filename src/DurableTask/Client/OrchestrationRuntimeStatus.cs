namespace Microsoft.DurableTask.Client;

/// <summary>Where an orchestration is in its life.</summary>
public enum OrchestrationRuntimeStatus
{
    /// <summary>It has started and not ended.</summary>
    Running = 0,

    /// <summary>It ended with a result.</summary>
    Completed = 1,

    /// <summary>It is about to start over.</summary>
    [Obsolete("The ContinuedAsNew status is no longer used.")]
    ContinuedAsNew = 2,

    /// <summary>It ended with a failure.</summary>
    Failed = 3,

    /// <summary>It was cancelled.</summary>
    [Obsolete("The Canceled status is not used.")]
    Canceled = 4,

    /// <summary>It was ended from outside.</summary>
    Terminated = 5,

    /// <summary>It has not started yet.</summary>
    Pending = 6,

    /// <summary>It is paused from outside.</summary>
    Suspended = 7,
}
