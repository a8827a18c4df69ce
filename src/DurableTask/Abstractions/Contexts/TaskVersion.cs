namespace Microsoft.DurableTask;

/// <summary>The version of an orchestrator or activity. Equal when they differ in case only.</summary>
public readonly struct TaskVersion : IEquatable<TaskVersion>
{
    /// <summary>Makes a version.</summary>
    /// <param name="version">The text; null or empty means "no version".</param>
    public TaskVersion(string? version) => Version = version ?? string.Empty;

    /// <summary>The absence of a version.</summary>
    public static readonly TaskVersion Unversioned;

    /// <summary>The version as text.</summary>
    /// <value>Null only for the default value of this type.</value>
    public string Version { get; }

    /// <summary>Makes a version from text.</summary>
    /// <param name="value">The text.</param>
    public static implicit operator TaskVersion(string value) => new(value);

    /// <summary>Gives the text of a version.</summary>
    /// <param name="value">The version.</param>
    public static implicit operator string(TaskVersion value) => value.Version ?? string.Empty;

    /// <summary>Says whether two versions are the same, ignoring case.</summary>
    /// <param name="left">One version.</param>
    /// <param name="right">The other version.</param>
    public static bool operator ==(TaskVersion left, TaskVersion right) => left.Equals(right);

    /// <summary>Says whether two versions differ in more than case.</summary>
    /// <param name="left">One version.</param>
    /// <param name="right">The other version.</param>
    public static bool operator !=(TaskVersion left, TaskVersion right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(TaskVersion other) =>
        string.Equals(Version ?? "", other.Version ?? "", StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is TaskVersion other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.OrdinalIgnoreCase.GetHashCode(Version ?? "");

    /// <inheritdoc/>
    public override string ToString() => Version ?? string.Empty;
}
