namespace Microsoft.DurableTask;

/// <summary>The orchestrators and activities that a worker can run.</summary>
/// <remarks>A name and version can be registered once. Names are compared ignoring case.</remarks>
public sealed partial class DurableTaskRegistry
{
    private readonly Dictionary<TaskKey, Func<IServiceProvider, ITaskActivity>> _activities = [];
    private readonly Dictionary<TaskKey, Func<ITaskOrchestrator>> _orchestrators = [];

    internal IReadOnlyCollection<TaskKey> ActivityKeys => _activities.Keys;

    internal IReadOnlyCollection<TaskKey> OrchestratorKeys => _orchestrators.Keys;

    internal Func<IServiceProvider, ITaskActivity>? FindActivity(TaskName name, string? version) =>
        Find(_activities, name, version);

    internal Func<ITaskOrchestrator>? FindOrchestrator(TaskName name, string? version) =>
        Find(_orchestrators, name, version);

    // A version that was not registered falls back to the registration without a version.
    private static T? Find<T>(Dictionary<TaskKey, T> tasks, TaskName name, string? version)
        where T : class =>
        tasks.TryGetValue(new TaskKey(name, new TaskVersion(version)), out T? exact) ? exact
        : tasks.GetValueOrDefault(new TaskKey(name, default));

    private static void Add<T>(Dictionary<TaskKey, T> tasks, TaskName name, TaskVersion version, T factory, string kind)
    {
        ArgumentNullException.ThrowIfNull(factory);
        if (name == default)
        {
            throw new ArgumentException($"An {kind} cannot be registered without a name.", nameof(name));
        }

        if (!tasks.TryAdd(new TaskKey(name, version), factory))
        {
            string suffix = version == default ? string.Empty : $" with version '{version}'";
            throw new ArgumentException($"An {kind} named '{name}'{suffix} is already added.", nameof(name));
        }
    }

    private static void CheckType<T>(Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        if (!type.IsClass || type.IsAbstract || !typeof(T).IsAssignableFrom(type))
        {
            throw new ArgumentException(
                $"'{type}' is not a concrete class that implements {typeof(T).Name}.", nameof(type));
        }
    }
}
