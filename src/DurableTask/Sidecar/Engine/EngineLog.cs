namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>The log lines of the engine.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1000, LogLevel.Information, "The engine has taken up {Count} unfinished orchestrations.")]
    public static partial void Recovered(ILogger logger, int count);

    [LoggerMessage(1001, LogLevel.Critical, "The engine failed and stops; the store is consistent.")]
    public static partial void EngineFailed(ILogger logger, Exception error);

    [LoggerMessage(1002, LogLevel.Information, "Worker {Session} connected to task hub '{Hub}'.")]
    public static partial void WorkerConnected(ILogger logger, int session, string hub);

    [LoggerMessage(1003, LogLevel.Information,
        "Worker {Session} is gone; {Count} work items go to other workers.")]
    public static partial void WorkerGone(ILogger logger, int session, int count);

    [LoggerMessage(1004, LogLevel.Warning,
        "A work item of '{InstanceId}' was handed out {Attempt} times without a result; next in {DelayMs} ms.")]
    public static partial void ItemReturned(ILogger logger, string instanceId, int attempt, long delayMs);

    [LoggerMessage(1005, LogLevel.Information, "'{InstanceId}' ({Orchestration}) ended as {Status}.")]
    public static partial void Ended(ILogger logger, string instanceId, string orchestration, string status);

    [LoggerMessage(1006, LogLevel.Debug, "'{InstanceId}' ({Orchestration}) was created.")]
    public static partial void Created(ILogger logger, string instanceId, string orchestration);

    [LoggerMessage(1007, LogLevel.Error, "A result for '{InstanceId}' could not be applied; it is refused.")]
    public static partial void ResultRefused(ILogger logger, Exception error, string instanceId);

    [LoggerMessage(1008, LogLevel.Warning,
        "Signal '{Operation}' of entity '{EntityId}' failed: {Error}")]
    public static partial void SignalFailed(ILogger logger, string operation, string entityId, string error);

    [LoggerMessage(1009, LogLevel.Warning,
        "A message to entity '{EntityId}' is dropped: {Reason}.")]
    public static partial void EntityMessageDropped(ILogger logger, string entityId, string reason);

    [LoggerMessage(1010, LogLevel.Warning, "The lock of entity '{EntityId}' had no holder any more; it is free.")]
    public static partial void OrphanedLock(ILogger logger, string entityId);

    [LoggerMessage(1011, LogLevel.Information, "The engine has taken up {Count} entities.")]
    public static partial void RecoveredEntities(ILogger logger, int count);

    [LoggerMessage(1012, LogLevel.Error, "'{InstanceId}' is parked: {Reason}")]
    public static partial void Parked(ILogger logger, string instanceId, string reason);

    [LoggerMessage(1013, LogLevel.Information, "{Count} ended orchestrations were older than the retention.")]
    public static partial void Expired(ILogger logger, int count);

    [LoggerMessage(1014, LogLevel.Warning, "Task hub '{Hub}' was deleted with everything in it.")]
    public static partial void HubDeleted(ILogger logger, string hub);
}
