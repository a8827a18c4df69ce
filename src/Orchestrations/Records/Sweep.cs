namespace Workflows.Orchestrations;

/// <summary>The end of one look over the cloud.</summary>
/// <param name="LeftOver">Resources of this service that no run keeps and that are not proved gone.</param>
/// <param name="NextSeconds">Seconds until the next look; 0 or less: the settings want no more.</param>
public sealed record SweepLook(int LeftOver, double NextSeconds);
