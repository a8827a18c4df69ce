using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.DurableTask;

public sealed partial class DurableTaskRegistry
{
    /// <summary>Adds an activity made by a function, once per work item.</summary>
    /// <param name="name">The activity's name.</param>
    /// <param name="factory">Makes the activity from the services of the work item's scope.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivity(TaskName name, Func<IServiceProvider, ITaskActivity> factory) =>
        AddActivity(name, default, factory);

    /// <summary>Adds one version of an activity made by a function, once per work item.</summary>
    /// <param name="name">The activity's name.</param>
    /// <param name="version">Its version.</param>
    /// <param name="factory">Makes the activity.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivity(TaskName name, TaskVersion version, Func<ITaskActivity> factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return AddActivity(name, version, _ => factory());
    }

    /// <summary>Adds a class, made per work item with its constructor arguments from the services.</summary>
    /// <param name="name">The activity's name.</param>
    /// <param name="type">The class.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivity(TaskName name, Type type)
    {
        CheckType<ITaskActivity>(type);
        return AddActivity(name, default, services => FromServices(services, type));
    }

    /// <summary>Adds a class under its own name.</summary>
    /// <param name="type">The class.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivity(Type type)
    {
        CheckType<ITaskActivity>(type);
        TaskKey key = TaskKey.Of(type);
        return AddActivity(key.Name, key.Version, services => FromServices(services, type));
    }

    /// <summary>Adds one object that serves every call.</summary>
    /// <param name="name">The activity's name.</param>
    /// <param name="activity">The activity.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivity(TaskName name, ITaskActivity activity)
    {
        ArgumentNullException.ThrowIfNull(activity);
        return AddActivity(name, default, _ => activity);
    }

    /// <summary>Adds one object that serves every call, under its class's name.</summary>
    /// <param name="activity">The activity.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivity(ITaskActivity activity)
    {
        ArgumentNullException.ThrowIfNull(activity);
        TaskKey key = TaskKey.Of(activity.GetType());
        return AddActivity(key.Name, key.Version, _ => activity);
    }

    private static ITaskActivity FromServices(IServiceProvider services, Type type) =>
        (ITaskActivity)ActivatorUtilities.GetServiceOrCreateInstance(services, type);

    private DurableTaskRegistry AddActivity(
        TaskName name, TaskVersion version, Func<IServiceProvider, ITaskActivity> factory)
    {
        Add(_activities, name, version, factory, nameof(ITaskActivity));
        return this;
    }

    /// <summary>Adds a class.</summary>
    /// <typeparam name="TActivity">The class.</typeparam>
    /// <param name="name">The activity's name.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivity<TActivity>(TaskName name)
        where TActivity : class, ITaskActivity => AddActivity(name, typeof(TActivity));

    /// <summary>Adds a class under its own name.</summary>
    /// <typeparam name="TActivity">The class.</typeparam>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivity<TActivity>()
        where TActivity : class, ITaskActivity => AddActivity(typeof(TActivity));
}
