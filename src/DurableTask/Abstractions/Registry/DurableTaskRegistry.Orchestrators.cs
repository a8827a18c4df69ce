namespace Microsoft.DurableTask;

public sealed partial class DurableTaskRegistry
{
    /// <summary>Adds an orchestrator made by a function, once per episode.</summary>
    /// <param name="name">The orchestrator's name.</param>
    /// <param name="factory">Makes the orchestrator.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddOrchestrator(TaskName name, Func<ITaskOrchestrator> factory) =>
        AddOrchestrator(name, default, factory);

    /// <summary>Adds one version of an orchestrator made by a function, once per episode.</summary>
    /// <param name="name">The orchestrator's name.</param>
    /// <param name="version">Its version.</param>
    /// <param name="factory">Makes the orchestrator.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddOrchestrator(TaskName name, TaskVersion version, Func<ITaskOrchestrator> factory)
    {
        Add(_orchestrators, name, version, factory, nameof(ITaskOrchestrator));
        return this;
    }

    /// <summary>Adds a class with a parameterless constructor.</summary>
    /// <param name="name">The orchestrator's name.</param>
    /// <param name="type">The class.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddOrchestrator(TaskName name, Type type)
    {
        CheckType<ITaskOrchestrator>(type);
        return AddOrchestrator(name, default, () => FromType(type));
    }

    /// <summary>Adds a class with a parameterless constructor under its own name.</summary>
    /// <param name="type">The class.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddOrchestrator(Type type)
    {
        CheckType<ITaskOrchestrator>(type);
        TaskKey key = TaskKey.Of(type);
        return AddOrchestrator(key.Name, key.Version, () => FromType(type));
    }

    /// <summary>Adds one object that serves every instance; it must keep no state.</summary>
    /// <param name="name">The orchestrator's name.</param>
    /// <param name="orchestrator">The orchestrator.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddOrchestrator(TaskName name, ITaskOrchestrator orchestrator)
    {
        ArgumentNullException.ThrowIfNull(orchestrator);
        return AddOrchestrator(name, default, () => orchestrator);
    }

    /// <summary>Adds one object that serves every instance, under its class's name; it must keep no state.</summary>
    /// <param name="orchestrator">The orchestrator.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddOrchestrator(ITaskOrchestrator orchestrator)
    {
        ArgumentNullException.ThrowIfNull(orchestrator);
        TaskKey key = TaskKey.Of(orchestrator.GetType());
        return AddOrchestrator(key.Name, key.Version, () => orchestrator);
    }

    private static ITaskOrchestrator FromType(Type type) => (ITaskOrchestrator)Activator.CreateInstance(type)!;

    /// <summary>Adds a class.</summary>
    /// <typeparam name="TOrchestrator">The class.</typeparam>
    /// <param name="name">The orchestrator's name.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddOrchestrator<TOrchestrator>(TaskName name)
        where TOrchestrator : class, ITaskOrchestrator => AddOrchestrator(name, typeof(TOrchestrator));

    /// <summary>Adds a class under its own name.</summary>
    /// <typeparam name="TOrchestrator">The class.</typeparam>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddOrchestrator<TOrchestrator>()
        where TOrchestrator : class, ITaskOrchestrator => AddOrchestrator(typeof(TOrchestrator));
}
