namespace Microsoft.DurableTask.Entities;

/// <summary>One operation that an entity is asked to run.</summary>
public abstract class TaskEntityOperation
{
    /// <summary>The operation's name, as the caller wrote it.</summary>
    public abstract string Name { get; }

    /// <summary>How the operation acts on others.</summary>
    public abstract TaskEntityContext Context { get; }

    /// <summary>The entity's state.</summary>
    public abstract TaskEntityState State { get; }

    /// <summary>Whether the caller gave an input.</summary>
    public abstract bool HasInput { get; }

    /// <summary>Reads the input.</summary>
    /// <typeparam name="T">The type to read it as.</typeparam>
    /// <returns>The input; the default value when there is none.</returns>
    public virtual T? GetInput<T>() => (T?)GetInput(typeof(T));

    /// <summary>Reads the input.</summary>
    /// <param name="inputType">The type to read it as.</param>
    /// <returns>The input; null when there is none.</returns>
    public abstract object? GetInput(Type inputType);

    /// <inheritdoc/>
    public override string ToString() => $"{Context.Id.Name}/{Name}";
}
