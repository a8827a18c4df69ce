namespace Microsoft.DurableTask;

/// <summary>An activity or sub-orchestration failed.</summary>
public sealed class TaskFailedException : Exception
{
    /// <summary>Makes the exception from the one that was thrown.</summary>
    /// <param name="taskName">The task that failed.</param>
    /// <param name="taskId">Its id in the orchestration.</param>
    /// <param name="innerException">What was thrown.</param>
    public TaskFailedException(string taskName, int taskId, Exception innerException)
        : base(Text(taskName, taskId, innerException.Message), innerException)
    {
        TaskName = taskName;
        TaskId = taskId;
        FailureDetails = TaskFailureDetails.FromException(innerException);
    }

    /// <summary>Makes the exception from a recorded failure.</summary>
    /// <param name="taskName">The task that failed.</param>
    /// <param name="taskId">Its id in the orchestration.</param>
    /// <param name="failureDetails">How it failed.</param>
    public TaskFailedException(string taskName, int taskId, TaskFailureDetails failureDetails)
        : base(Text(taskName, taskId, failureDetails.ErrorMessage))
    {
        TaskName = taskName;
        TaskId = taskId;
        FailureDetails = failureDetails;
    }

    /// <summary>The task that failed.</summary>
    public string TaskName { get; }

    /// <summary>Its id in the orchestration.</summary>
    public int TaskId { get; }

    /// <summary>How it failed.</summary>
    public TaskFailureDetails FailureDetails { get; }

    /// <summary>Says whether the task threw an exception of just this type.</summary>
    /// <typeparam name="T">The type; types that derive from it do not count.</typeparam>
    public bool IsCausedByException<T>()
        where T : Exception => FailureDetails.ErrorType == typeof(T).FullName;

    // Recorded in histories as it is: the text is part of the contract with other workers.
    private static string Text(string name, int id, string message) =>
        $"Task '{name}' (#{id}) failed with an unhandled exception: {message}";
}
