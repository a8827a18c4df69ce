using Google.Cloud.Tpu.V2;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>A time for which a node cost money.</summary>
/// <param name="NodeName">Full resource name.</param>
/// <param name="AcceleratorType">Its type.</param>
/// <param name="IsSpot">true for spot.</param>
/// <param name="From">Time at which it was READY.</param>
/// <param name="To">Time at which it was preempted, stopped or gone; now for one that still costs.</param>
internal sealed record BilledTime(
    string NodeName, string AcceleratorType, bool IsSpot, DateTimeOffset From, DateTimeOffset To);

/// <summary>
/// Keeps the times for which nodes cost money: from READY until they are preempted, stopped, or gone. A node that is
/// being deleted counts until it is gone, since the cloud does not promise anything else. Needs the cloud's lock.
/// </summary>
internal sealed class CloudBill
{
    private readonly Dictionary<string, (Node Node, DateTimeOffset From)> _open = new(StringComparer.Ordinal);
    private readonly List<BilledTime> _closed = [];

    /// <summary>Begins to bill a node.</summary>
    public void Start(Node node, DateTimeOffset now) => _open.TryAdd(node.Name, (node, now));

    /// <summary>Ends the bill of a node; does nothing for one that costs nothing.</summary>
    public void Stop(string name, DateTimeOffset now)
    {
        if (_open.Remove(name, out var open))
        {
            _closed.Add(Of(open.Node, open.From, now));
        }
    }

    /// <summary>Lists the times; those of nodes that still cost end now.</summary>
    public IReadOnlyList<BilledTime> Until(DateTimeOffset now) =>
        [.. _closed, .. _open.Values.Select(open => Of(open.Node, open.From, now))];

    private static BilledTime Of(Node node, DateTimeOffset from, DateTimeOffset to) => new(
        node.Name, node.AcceleratorType, node.SchedulingConfig is { Spot: true } or { Preemptible: true }, from, to);
}
