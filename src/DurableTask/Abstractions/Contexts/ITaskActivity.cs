namespace Microsoft.DurableTask;

/// <summary>An activity, untyped. Most code derives from <see cref="TaskActivity{TInput, TOutput}"/>.</summary>
public interface ITaskActivity
{
    /// <summary>The type the input is read as.</summary>
    public Type InputType { get; }

    /// <summary>The type of the result.</summary>
    public Type OutputType { get; }

    /// <summary>Does the work. It may run more than once for one call: activities are at-least-once.</summary>
    /// <param name="context">What is known of this call.</param>
    /// <param name="input">The input, of <see cref="InputType"/>.</param>
    /// <returns>The result when the work is done.</returns>
    public Task<object?> RunAsync(TaskActivityContext context, object? input);
}
