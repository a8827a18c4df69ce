namespace Microsoft.DurableTask;

/// <summary>Base class of activities: the place for I/O and everything else that is not deterministic.</summary>
/// <typeparam name="TInput">The type of the input.</typeparam>
/// <typeparam name="TOutput">The type of the result.</typeparam>
public abstract class TaskActivity<TInput, TOutput> : ITaskActivity
{
    Type ITaskActivity.InputType => typeof(TInput);

    Type ITaskActivity.OutputType => typeof(TOutput);

    async Task<object?> ITaskActivity.RunAsync(TaskActivityContext context, object? input)
    {
        ArgumentNullException.ThrowIfNull(context);
        return await RunAsync(context, TypedInput.As<TInput>(input));
    }

    /// <summary>Does the work. It may run more than once for one call: activities are at-least-once.</summary>
    /// <param name="context">What is known of this call.</param>
    /// <param name="input">The input; null or default when none was given.</param>
    /// <returns>The result when the work is done.</returns>
    public abstract Task<TOutput> RunAsync(TaskActivityContext context, TInput input);
}
