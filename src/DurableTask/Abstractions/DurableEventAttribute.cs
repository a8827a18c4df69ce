namespace Microsoft.DurableTask;

/// <summary>Names an event payload type, for code generators.</summary>
/// <param name="name">The event's name; null takes the type name.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct, AllowMultiple = false, Inherited = false)]
public sealed class DurableEventAttribute(string? name = null) : Attribute
{
    /// <summary>The event's name.</summary>
    /// <value>Default when the type name counts.</value>
    public TaskName Name { get; } = string.IsNullOrEmpty(name) ? default : new TaskName(name);
}
