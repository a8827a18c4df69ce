namespace Microsoft.DurableTask.Entities;

/// <summary>The state of an entity while one of its operations runs.</summary>
public abstract class TaskEntityState
{
    /// <summary>Whether there is a state; an entity without one does not exist.</summary>
    public abstract bool HasState { get; }

    /// <summary>Reads the state.</summary>
    /// <typeparam name="T">The type to read it as.</typeparam>
    /// <param name="defaultValue">What to give when there is no state.</param>
    /// <returns>The state.</returns>
    public virtual T? GetState<T>(T? defaultValue = default) =>
        GetState(typeof(T)) is T state ? state : defaultValue;

    /// <summary>Reads the state.</summary>
    /// <param name="type">The type to read it as.</param>
    /// <returns>The state; null when there is none.</returns>
    public abstract object? GetState(Type type);

    /// <summary>Replaces the state.</summary>
    /// <param name="state">The serializable state; null deletes the entity.</param>
    public abstract void SetState(object? state);
}
