namespace Microsoft.DurableTask;

/// <summary>Base class of orchestrators. Its code must be deterministic: it is replayed from its history.</summary>
/// <typeparam name="TInput">The type of the input.</typeparam>
/// <typeparam name="TOutput">The type of the result.</typeparam>
public abstract class TaskOrchestrator<TInput, TOutput> : ITaskOrchestrator
{
    Type ITaskOrchestrator.InputType => typeof(TInput);

    Type ITaskOrchestrator.OutputType => typeof(TOutput);

    async Task<object?> ITaskOrchestrator.RunAsync(TaskOrchestrationContext context, object? input)
    {
        ArgumentNullException.ThrowIfNull(context);
        return await RunAsync(context, TypedInput.As<TInput>(input));
    }

    /// <summary>Runs the orchestration; called again from the start for every replay.</summary>
    /// <param name="context">The orchestration's only way to act.</param>
    /// <param name="input">The input; null or default when none was given.</param>
    /// <returns>The result when the orchestration is done.</returns>
    public abstract Task<TOutput> RunAsync(TaskOrchestrationContext context, TInput input);
}
