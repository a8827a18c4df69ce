namespace Microsoft.DurableTask;

/// <summary>Names an orchestrator or activity class.</summary>
/// <param name="name">The task's name; null takes the class name.</param>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class DurableTaskAttribute(string? name = null) : Attribute
{
    /// <summary>The task's name.</summary>
    /// <value>Default when the class name counts.</value>
    public TaskName Name { get; } = string.IsNullOrEmpty(name) ? default : new TaskName(name);

    /// <summary>The task's version.</summary>
    /// <value>Null for none.</value>
    public string? Version { get; set; }
}
