namespace Microsoft.DurableTask.Entities;

/// <summary>An entity's code; <see cref="TaskEntity{TState}"/> is its usual base.</summary>
public interface ITaskEntity
{
    /// <summary>Runs one operation.</summary>
    /// <param name="operation">What is asked, with the entity's state.</param>
    /// <returns>The serializable answer; null for none. An exception undoes what the operation did to the state and
    /// what it sent.</returns>
    public ValueTask<object?> RunAsync(TaskEntityOperation operation);
}
