namespace Microsoft.DurableTask;

/// <summary>The name of an orchestrator or activity. Two names are equal when they differ in case only.</summary>
public readonly struct TaskName : IEquatable<TaskName>
{
    /// <summary>Makes a name.</summary>
    /// <param name="name">The text; null is the default, empty name.</param>
    public TaskName(string name) => Name = name ?? string.Empty;

    /// <summary>The name as text.</summary>
    /// <value>Null only for the default value of this type.</value>
    public string Name { get; }

    /// <summary>Always empty: versions are beside names, not in them.</summary>
#pragma warning disable CA1822 // An instance member in the official packages.
    public string Version => string.Empty;
#pragma warning restore CA1822

    /// <summary>Makes a name from text.</summary>
    /// <param name="value">The text; null or empty gives the default name.</param>
    public static implicit operator TaskName(string value) => string.IsNullOrEmpty(value) ? default : new(value);

    /// <summary>Gives the text of a name.</summary>
    /// <param name="value">The name.</param>
    public static implicit operator string(TaskName value) => value.Name ?? string.Empty;

    /// <summary>Says whether two names are the same task, ignoring case.</summary>
    /// <param name="a">One name.</param>
    /// <param name="b">The other name.</param>
    public static bool operator ==(TaskName a, TaskName b) => a.Equals(b);

    /// <summary>Says whether two names are different tasks, ignoring case.</summary>
    /// <param name="a">One name.</param>
    /// <param name="b">The other name.</param>
    public static bool operator !=(TaskName a, TaskName b) => !a.Equals(b);

    /// <inheritdoc/>
    public bool Equals(TaskName other) =>
        string.Equals(Name ?? "", other.Name ?? "", StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is TaskName other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.OrdinalIgnoreCase.GetHashCode(Name ?? "");

    /// <inheritdoc/>
    public override string ToString() => Name ?? string.Empty;
}
