namespace DurableTask.Core.History;

/// <summary>The kinds of events in a history.</summary>
public enum EventType
{
    /// <summary>The orchestration was started.</summary>
    ExecutionStarted = 0,

    /// <summary>The orchestration ended.</summary>
    ExecutionCompleted = 1,

    /// <summary>Not used any more.</summary>
    ExecutionFailed = 2,

    /// <summary>The orchestration was asked to end.</summary>
    ExecutionTerminated = 3,

    /// <summary>An activity was called.</summary>
    TaskScheduled = 4,

    /// <summary>An activity succeeded.</summary>
    TaskCompleted = 5,

    /// <summary>An activity failed.</summary>
    TaskFailed = 6,

    /// <summary>A sub-orchestration was called.</summary>
    SubOrchestrationInstanceCreated = 7,

    /// <summary>A sub-orchestration succeeded.</summary>
    SubOrchestrationInstanceCompleted = 8,

    /// <summary>A sub-orchestration failed.</summary>
    SubOrchestrationInstanceFailed = 9,

    /// <summary>A timer was made.</summary>
    TimerCreated = 10,

    /// <summary>A timer fired.</summary>
    TimerFired = 11,

    /// <summary>An episode began.</summary>
    OrchestratorStarted = 12,

    /// <summary>An episode ended.</summary>
    OrchestratorCompleted = 13,

    /// <summary>An event was sent.</summary>
    EventSent = 14,

    /// <summary>An event came.</summary>
    EventRaised = 15,

    /// <summary>The orchestration started over.</summary>
    ContinueAsNew = 16,

    /// <summary>Something of the engine's own.</summary>
    GenericEvent = 17,

    /// <summary>A snapshot of the orchestration.</summary>
    HistoryState = 18,

    /// <summary>The orchestration was paused.</summary>
    ExecutionSuspended = 19,

    /// <summary>The orchestration was resumed.</summary>
    ExecutionResumed = 20,

    /// <summary>The orchestration was rewound.</summary>
    ExecutionRewound = 21,
}
