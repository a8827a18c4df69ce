namespace Microsoft.DurableTask;

public sealed partial class DurableTaskRegistry
{
    /// <summary>The orchestrators, each with what makes it; several versions of one name come one by one.</summary>
    /// <returns>All that were added.</returns>
    public IEnumerable<KeyValuePair<TaskName, Func<IServiceProvider, ITaskOrchestrator>>> GetOrchestrators() =>
        _orchestrators.Select(entry => KeyValuePair.Create<TaskName, Func<IServiceProvider, ITaskOrchestrator>>(
            entry.Key.Name, _ => entry.Value()));

    /// <summary>The activities, each with what makes it; several versions of one name come one by one.</summary>
    /// <returns>All that were added.</returns>
    public IEnumerable<KeyValuePair<TaskName, Func<IServiceProvider, ITaskActivity>>> GetActivities() =>
        _activities.Select(entry => KeyValuePair.Create(entry.Key.Name, entry.Value));
}
