namespace Microsoft.DurableTask;

/// <summary>Casts untyped task input, with a message that names both types when it does not fit.</summary>
internal static class TypedInput
{
    public static T As<T>(object? input) => input switch
    {
        T typed => typed,
        // A missing input is the default value by contract, also for non-nullable types.
        null => default!,
        _ => throw new ArgumentException(
            $"The input is of type '{input.GetType()}', but the task takes '{typeof(T)}'.", nameof(input)),
    };
}
