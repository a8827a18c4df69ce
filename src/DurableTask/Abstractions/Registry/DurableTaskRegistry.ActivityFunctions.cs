namespace Microsoft.DurableTask;

public sealed partial class DurableTaskRegistry
{
    /// <summary>Adds a function as one version of an activity.</summary>
    /// <typeparam name="TInput">The type of the input.</typeparam>
    /// <typeparam name="TOutput">The type of the result.</typeparam>
    /// <param name="name">The activity's name.</param>
    /// <param name="version">Its version.</param>
    /// <param name="activity">The activity's code.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivityFunc<TInput, TOutput>(
        TaskName name, TaskVersion version, Func<TaskActivityContext, TInput, Task<TOutput>> activity)
    {
        ITaskActivity made = FuncTaskActivity.Create(activity);
        return AddActivity(name, version, () => made);
    }

    /// <summary>Adds a function as activity.</summary>
    /// <typeparam name="TInput">The type of the input.</typeparam>
    /// <typeparam name="TOutput">The type of the result.</typeparam>
    /// <param name="name">The activity's name.</param>
    /// <param name="activity">The activity's code.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivityFunc<TInput, TOutput>(
        TaskName name, Func<TaskActivityContext, TInput, Task<TOutput>> activity) =>
            AddActivity(name, FuncTaskActivity.Create(activity));

    /// <summary>Adds a function as activity.</summary>
    /// <typeparam name="TInput">The type of the input.</typeparam>
    /// <typeparam name="TOutput">The type of the result.</typeparam>
    /// <param name="name">The activity's name.</param>
    /// <param name="activity">The activity's code.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivityFunc<TInput, TOutput>(
        TaskName name, Func<TaskActivityContext, TInput, TOutput> activity)
    {
        ArgumentNullException.ThrowIfNull(activity);
        return AddActivityFunc<TInput, TOutput>(name, (context, input) => Task.FromResult(activity(context, input)));
    }

    /// <summary>Adds a function without input as activity.</summary>
    /// <typeparam name="TOutput">The type of the result.</typeparam>
    /// <param name="name">The activity's name.</param>
    /// <param name="activity">The activity's code.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivityFunc<TOutput>(
        TaskName name, Func<TaskActivityContext, Task<TOutput>> activity)
    {
        ArgumentNullException.ThrowIfNull(activity);
        return AddActivityFunc<object?, TOutput>(name, (context, _) => activity(context));
    }

    /// <summary>Adds a function without input as activity.</summary>
    /// <typeparam name="TOutput">The type of the result.</typeparam>
    /// <param name="name">The activity's name.</param>
    /// <param name="activity">The activity's code.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivityFunc<TOutput>(TaskName name, Func<TaskActivityContext, TOutput> activity)
    {
        ArgumentNullException.ThrowIfNull(activity);
        return AddActivityFunc<object?, TOutput>(name, (context, _) => Task.FromResult(activity(context)));
    }

    /// <summary>Adds a function without result as activity.</summary>
    /// <typeparam name="TInput">The type of the input.</typeparam>
    /// <param name="name">The activity's name.</param>
    /// <param name="activity">The activity's code.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivityFunc<TInput>(TaskName name, Func<TaskActivityContext, TInput, Task> activity)
    {
        ArgumentNullException.ThrowIfNull(activity);
        return AddActivityFunc<TInput, object?>(name, async (context, input) =>
        {
            await activity(context, input);
            return null;
        });
    }

    /// <summary>Adds a function without input and result as activity.</summary>
    /// <param name="name">The activity's name.</param>
    /// <param name="activity">The activity's code.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivityFunc(TaskName name, Func<TaskActivityContext, Task> activity)
    {
        ArgumentNullException.ThrowIfNull(activity);
        return AddActivityFunc<object?, object?>(name, async (context, _) =>
        {
            await activity(context);
            return null;
        });
    }

    /// <summary>Adds a function without result as activity.</summary>
    /// <typeparam name="TInput">The type of the input.</typeparam>
    /// <param name="name">The activity's name.</param>
    /// <param name="activity">The activity's code.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivityFunc<TInput>(TaskName name, Action<TaskActivityContext, TInput> activity)
    {
        ArgumentNullException.ThrowIfNull(activity);
        return AddActivityFunc<TInput, object?>(name, (context, input) =>
        {
            activity(context, input);
            return Task.FromResult<object?>(null);
        });
    }

    /// <summary>Adds a function without input and result as activity.</summary>
    /// <param name="name">The activity's name.</param>
    /// <param name="activity">The activity's code.</param>
    /// <returns>This registry.</returns>
    public DurableTaskRegistry AddActivityFunc(TaskName name, Action<TaskActivityContext> activity)
    {
        ArgumentNullException.ThrowIfNull(activity);
        return AddActivityFunc<object?, object?>(name, (context, _) =>
        {
            activity(context);
            return Task.FromResult<object?>(null);
        });
    }
}
