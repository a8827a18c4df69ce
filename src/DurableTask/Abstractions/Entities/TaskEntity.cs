namespace Microsoft.DurableTask.Entities;

/// <summary>An entity whose operations are its public methods, found by name in any case.</summary>
/// <typeparam name="TState">The type of the state, which is read before and written after each operation.</typeparam>
/// <remarks>A method takes at most one input and at most one <see cref="TaskEntityContext"/>, in any order. Where no
/// method has the name, methods of the state are tried if <see cref="AllowStateDispatch"/> says so, and then the
/// operation <c>delete</c>, which removes the entity.</remarks>
public abstract class TaskEntity<TState> : ITaskEntity
{
    private const string Delete = "delete";

    /// <summary>Whether methods of the state are operations, too.</summary>
    /// <value>Default: false.</value>
    protected virtual bool AllowStateDispatch => false;

    /// <summary>The state; null after an operation deletes the entity.</summary>
    protected TState State { get; set; } = default!;

    /// <summary>How the running operation acts on others.</summary>
    protected TaskEntityContext Context { get; private set; } = null!;

    /// <inheritdoc/>
    public async ValueTask<object?> RunAsync(TaskEntityOperation operation)
    {
        ArgumentNullException.ThrowIfNull(operation);
        Context = operation.Context;
        State = operation.State.GetState(typeof(TState)) is { } stored ? (TState)stored : InitializeState(operation);
        if (EntityMethod.Find(GetType(), operation) is { } own)
        {
            return await InvokeAsync(own, this, operation);
        }

        if (AllowStateDispatch)
        {
            object target = State ?? throw new InvalidOperationException(
                $"Operation '{operation}' is looked for in the state, but the state is null.");
            if (EntityMethod.Find(target.GetType(), operation) is { } ofState)
            {
                return await InvokeAsync(ofState, target, operation);
            }
        }

        if (string.Equals(operation.Name, Delete, StringComparison.OrdinalIgnoreCase))
        {
            operation.State.SetState(null);
            return null;
        }

        throw new NotSupportedException(
            $"Entity operation '{operation}' has no method: '{GetType()}' needs a public one named "
            + $"'{operation.Name}'.");
    }

    /// <summary>Makes the state of an entity that has none.</summary>
    /// <param name="entityOperation">The operation that is about to run.</param>
    /// <returns>The state; without an override, what the parameterless constructor makes.</returns>
    protected virtual TState InitializeState(TaskEntityOperation entityOperation) =>
        // A nullable number starts as its zero, like the number itself.
        Nullable.GetUnderlyingType(typeof(TState)) is { } inner
            ? (TState)Activator.CreateInstance(inner)!
            : Activator.CreateInstance<TState>();

    private async ValueTask<object?> InvokeAsync(EntityMethod method, object target, TaskEntityOperation operation)
    {
        object? result = await method.InvokeAsync(target, operation);
        operation.State.SetState(State);
        return result;
    }
}
