namespace Microsoft.DurableTask.Entities;

/// <summary>How an operation of an entity acts on others. What it sends goes out with the state, or not at
/// all.</summary>
public abstract class TaskEntityContext
{
    /// <summary>The entity that runs.</summary>
    public abstract EntityInstanceId Id { get; }

    /// <summary>Signals an entity.</summary>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="options">When the signal is due.</param>
    public virtual void SignalEntity(EntityInstanceId id, string operationName, SignalEntityOptions options) =>
        SignalEntity(id, operationName, null, options);

    /// <summary>Signals an entity.</summary>
    /// <param name="id">The entity; it need not exist.</param>
    /// <param name="operationName">The operation.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">When the signal is due.</param>
    public abstract void SignalEntity(
        EntityInstanceId id, string operationName, object? input = null, SignalEntityOptions? options = null);

    /// <summary>Starts an orchestration, unless an unfinished one has its id.</summary>
    /// <param name="name">The orchestrator.</param>
    /// <param name="options">Id, start time and version.</param>
    /// <returns>The orchestration's id.</returns>
    public virtual string ScheduleNewOrchestration(TaskName name, StartOrchestrationOptions options) =>
        ScheduleNewOrchestration(name, null, options);

    /// <summary>Starts an orchestration, unless an unfinished one has its id.</summary>
    /// <param name="name">The orchestrator.</param>
    /// <param name="input">Its serializable input.</param>
    /// <param name="options">Id, start time and version.</param>
    /// <returns>The orchestration's id.</returns>
    public abstract string ScheduleNewOrchestration(
        TaskName name, object? input = null, StartOrchestrationOptions? options = null);
}
