namespace Microsoft.DurableTask.Entities;

/// <summary>An operation that an orchestration called on an entity failed.</summary>
public sealed class EntityOperationFailedException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="entityId">The entity.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="failureDetails">How it failed.</param>
    public EntityOperationFailedException(
        EntityInstanceId entityId, string operationName, TaskFailureDetails failureDetails)
        : base($"Operation '{operationName}' of entity '{entityId}' failed: {failureDetails.ErrorMessage}")
    {
        EntityId = entityId;
        OperationName = operationName;
        FailureDetails = failureDetails;
    }

    /// <summary>The entity.</summary>
    public EntityInstanceId EntityId { get; }

    /// <summary>The operation.</summary>
    public string OperationName { get; }

    /// <summary>How it failed.</summary>
    public TaskFailureDetails FailureDetails { get; }
}
