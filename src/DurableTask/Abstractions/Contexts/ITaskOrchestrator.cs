namespace Microsoft.DurableTask;

/// <summary>An orchestrator, untyped. Most code derives from <see cref="TaskOrchestrator{TInput, TOutput}"/>.</summary>
public interface ITaskOrchestrator
{
    /// <summary>The type the input is read as.</summary>
    public Type InputType { get; }

    /// <summary>The type of the result.</summary>
    public Type OutputType { get; }

    /// <summary>Runs the orchestration; called again from the start for every replay.</summary>
    /// <param name="context">The orchestration's only way to act.</param>
    /// <param name="input">The input, of <see cref="InputType"/>.</param>
    /// <returns>The result when the orchestration is done.</returns>
    public Task<object?> RunAsync(TaskOrchestrationContext context, object? input);
}
