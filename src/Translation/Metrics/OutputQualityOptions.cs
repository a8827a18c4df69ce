namespace Workflows.Translation.Metrics;

/// <summary>Settings of <see cref="OutputQuality"/>.</summary>
public sealed record OutputQualityOptions
{
    /// <summary>The smallest share of the target's script among the letters of an output.</summary>
    /// <value>0 to 1, default 0.5: names may be in the other script.</value>
    public double MinTargetScriptShare { get; init; } = 0.5;

    /// <summary>The fewest consecutive repetitions of a phrase that count as a loop.</summary>
    /// <value>At least 2, default 4.</value>
    public int MinRepeats { get; init; } = 4;

    /// <summary>The ratio of an output's length to the expected one above which it counts as never ending.</summary>
    /// <value>Above 1, default 4.</value>
    public double MaxLengthRatio { get; init; } = 4;

    /// <summary>Outputs kept as samples for each fault.</summary>
    /// <value>At least 0, default 5.</value>
    public int SamplesPerFault { get; init; } = 5;
}
