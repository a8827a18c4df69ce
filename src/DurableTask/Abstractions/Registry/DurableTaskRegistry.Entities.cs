using Microsoft.DurableTask.Entities;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.DurableTask;

public sealed partial class DurableTaskRegistry
{
    private readonly Dictionary<TaskName, Func<IServiceProvider, ITaskEntity>> _entities = [];

    /// <summary>The entities, each with what makes it.</summary>
    /// <returns>All that were added.</returns>
    public IEnumerable<KeyValuePair<TaskName, Func<IServiceProvider, ITaskEntity>>> GetEntities() => _entities;

    /// <summary>Adds an entity made by a function, once per batch of operations.</summary>
    /// <param name="name">The entity's name.</param>
    /// <param name="factory">Makes the entity from the services of the batch's scope.</param>
    /// <returns>This registry.</returns>
    /// <exception cref="ArgumentException">The name is empty or taken.</exception>
    public DurableTaskRegistry AddEntity(TaskName name, Func<IServiceProvider, ITaskEntity> factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        if (name == default)
        {
            throw new ArgumentException(
                $"An {nameof(ITaskEntity)} cannot be registered without a name.", nameof(name));
        }

        return _entities.TryAdd(name, factory)
            ? this
            : throw new ArgumentException($"An {nameof(ITaskEntity)} named '{name}' is already added.", nameof(name));
    }

    /// <summary>Adds a class, made per batch with its constructor arguments from the services.</summary>
    /// <param name="name">The entity's name.</param>
    /// <param name="type">The class.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddEntity(TaskName name, Type type)
    {
        CheckType<ITaskEntity>(type);
        return AddEntity(name, services => (ITaskEntity)ActivatorUtilities.CreateInstance(services, type));
    }

    /// <summary>Adds a class under its own name.</summary>
    /// <param name="type">The class.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddEntity(Type type)
    {
        CheckType<ITaskEntity>(type);
        return AddEntity(TaskKey.Of(type).Name, type);
    }

    /// <summary>Adds a class.</summary>
    /// <typeparam name="TEntity">The class.</typeparam>
    /// <param name="name">The entity's name.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddEntity<TEntity>(TaskName name)
        where TEntity : class, ITaskEntity => AddEntity(name, typeof(TEntity));

    /// <summary>Adds a class under its own name.</summary>
    /// <typeparam name="TEntity">The class.</typeparam>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddEntity<TEntity>()
        where TEntity : class, ITaskEntity => AddEntity(typeof(TEntity));

    /// <summary>Adds one object that serves every entity of the name, one operation at a time and entity.</summary>
    /// <param name="name">The entity's name.</param>
    /// <param name="entity">The entity; it must keep nothing between operations.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddEntity(TaskName name, ITaskEntity entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        return AddEntity(name, _ => entity);
    }

    /// <summary>Adds one object under its class's name.</summary>
    /// <param name="entity">The entity; it must keep nothing between operations.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddEntity(ITaskEntity entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        return AddEntity(TaskKey.Of(entity.GetType()).Name, entity);
    }

    internal Func<IServiceProvider, ITaskEntity>? FindEntity(TaskName name) => _entities.GetValueOrDefault(name);
}
