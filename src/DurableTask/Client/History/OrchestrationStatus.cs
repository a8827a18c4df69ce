namespace DurableTask.Core;

/// <summary>How an orchestration stands.</summary>
public enum OrchestrationStatus
{
    /// <summary>It runs.</summary>
    Running = 0,

    /// <summary>It ended with a result.</summary>
    Completed = 1,

    /// <summary>It started over.</summary>
    ContinuedAsNew = 2,

    /// <summary>It ended with a failure.</summary>
    Failed = 3,

    /// <summary>It was cancelled.</summary>
    Canceled = 4,

    /// <summary>It was ended from outside.</summary>
    Terminated = 5,

    /// <summary>It has not started yet.</summary>
    Pending = 6,

    /// <summary>It is paused from outside.</summary>
    Suspended = 7,
}
