using System.Diagnostics.CodeAnalysis;

namespace Microsoft.DurableTask;

/// <summary>Turns inputs, outputs and events into text and back.</summary>
public abstract class DataConverter
{
    /// <summary>Writes a value.</summary>
    /// <param name="value">The value.</param>
    /// <returns>Text; null for null.</returns>
    [return: NotNullIfNotNull(nameof(value))]
    public abstract string? Serialize(object? value);

    /// <summary>Reads a value.</summary>
    /// <param name="data">Text; null gives null.</param>
    /// <param name="targetType">The type to read it as.</param>
    /// <returns>The value.</returns>
    [return: NotNullIfNotNull(nameof(data))]
    public abstract object? Deserialize(string? data, Type targetType);

    /// <summary>Reads a value.</summary>
    /// <typeparam name="T">The type to read it as.</typeparam>
    /// <param name="data">Text; null gives the default value.</param>
    /// <returns>The value.</returns>
    [return: NotNullIfNotNull(nameof(data))]
    public virtual T? Deserialize<T>(string? data) => data is null ? default : (T?)Deserialize(data, typeof(T));
}
