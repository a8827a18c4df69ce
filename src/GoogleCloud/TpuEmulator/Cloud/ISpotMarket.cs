namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>Decides when a zone has spot capacity, and when its spot nodes are preempted.</summary>
internal interface ISpotMarket
{
    /// <summary>Returns whether a spot node can be created.</summary>
    /// <param name="zone">The zone.</param>
    /// <param name="at">Time of the request.</param>
    public bool HasSpot(string zone, DateTimeOffset at);

    /// <summary>Returns the time at which a spot node is preempted.</summary>
    /// <param name="zone">The zone.</param>
    /// <param name="readyAt">Time at which the node is READY.</param>
    /// <returns>That time or later; null for never.</returns>
    public DateTimeOffset? LostAt(string zone, DateTimeOffset readyAt);
}
