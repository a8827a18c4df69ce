namespace Workflows.Orchestrations;

/// <summary>The result of one sweep of the cloud.</summary>
/// <param name="LeftOver">Resources of this service that belong to no live run and are not proved gone.</param>
/// <param name="NextSeconds">Seconds until the next sweep; 0 or less if the settings disable it.</param>
public sealed record SweepLook(int LeftOver, double NextSeconds);
