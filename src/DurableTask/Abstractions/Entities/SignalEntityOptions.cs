namespace Microsoft.DurableTask.Entities;

/// <summary>How an entity is signalled.</summary>
public record SignalEntityOptions
{
    /// <summary>When the signal joins the entity's queue.</summary>
    /// <value>Null for at once.</value>
    public DateTimeOffset? SignalTime { get; init; }

    /// <summary>Options for a signal at a moment.</summary>
    /// <param name="value">The moment.</param>
    public static implicit operator SignalEntityOptions(DateTimeOffset value) => new() { SignalTime = value };

    /// <summary>Default options for true, none otherwise.</summary>
    /// <param name="value">Whether options are made.</param>
    public static implicit operator SignalEntityOptions?(bool? value) => value == true ? new() : null;
}
