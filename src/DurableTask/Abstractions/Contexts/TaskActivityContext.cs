namespace Microsoft.DurableTask;

/// <summary>What an activity may know of its call.</summary>
public abstract class TaskActivityContext
{
    /// <summary>The activity's name.</summary>
    public abstract TaskName Name { get; }

    /// <summary>The id of the orchestration that called.</summary>
    public abstract string InstanceId { get; }

    /// <summary>The version asked for.</summary>
    /// <value>Empty when there is none.</value>
    public virtual string Version => string.Empty;
}
