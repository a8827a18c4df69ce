using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.Capacity.Tests.Chaos;

/// <summary>A spot market that loses nodes at random, as often as it is told.</summary>
/// <param name="random">Draws everything.</param>
/// <param name="fullShare">Share of requests that find no capacity.</param>
/// <param name="meanLife">Mean life of a node, in seconds.</param>
internal sealed class ChaosMarket(Random random, double fullShare, double meanLife) : ISpotMarket
{
    public bool HasSpot(string zone, DateTimeOffset at) => random.NextDouble() >= fullShare;

    public DateTimeOffset? LostAt(string zone, DateTimeOffset readyAt) =>
        readyAt.AddSeconds(-meanLife * Math.Log(1 - random.NextDouble()));
}
