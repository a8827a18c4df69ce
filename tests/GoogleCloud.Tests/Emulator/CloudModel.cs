using Grpc.Core;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>Nodes by name, each with its state and when it changes by itself.</summary>
internal sealed class CloudModel
{
    private readonly SortedDictionary<string, Record> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _refused = [];

    public double Now { get; private set; }

    public void Pass(double seconds)
    {
        Now += seconds;
        foreach (var (name, record) in _nodes.ToList())
        {
            if (record.GoneAt <= Now || (record.CreatedAt <= Now && record.Fails))
            {
                _nodes.Remove(name);
            }
            else if (record.CreatedAt <= Now)
            {
                _nodes[name] = record with { State = State.Ready, CreatedAt = null };
            }
        }
    }

    public State? Peek(string zone, string id) =>
        _nodes.TryGetValue(EmulatorHost.NodeName(zone, id), out var record) ? record.State : null;

    public List<string> List(string zone) =>
        [.. _nodes.Where(node => zone == "-" || node.Value.Zone == zone)
            .Select(node => $"{node.Key} {node.Value.State}")];

    public StatusCode Create(string zone, string id)
    {
        if (zone == CloudModelTests.Zones[2])
        {
            return StatusCode.PermissionDenied;
        }

        if (zone == CloudModelTests.Zones[1] && _refused.GetValueOrDefault(zone) < 3)
        {
            _refused[zone] = _refused.GetValueOrDefault(zone) + 1;
            return _refused[zone] <= 2 ? StatusCode.Unavailable : StatusCode.ResourceExhausted;
        }

        var used = _nodes.Values.Count(node => node.Zone == zone) * CloudModelTests.Chips;
        return _nodes.TryAdd(EmulatorHost.NodeName(zone, id), new Record(
            zone, State.Creating, Now + CloudModelTests.CreateSeconds, null,
            zone == CloudModelTests.Zones[0] && used + CloudModelTests.Chips > CloudModelTests.Capacity))
            ? StatusCode.OK : StatusCode.AlreadyExists;
    }

    public StatusCode Delete(string zone, string id)
    {
        var name = EmulatorHost.NodeName(zone, id);
        if (!_nodes.TryGetValue(name, out var record))
        {
            return StatusCode.NotFound;
        }

        _nodes[name] = record.GoneAt is not null ? record : record with
        {
            State = State.Deleting,
            CreatedAt = null,
            GoneAt = Now + CloudModelTests.DeleteSeconds,
        };
        return StatusCode.OK;
    }

    public StatusCode Switch(string zone, string id, State from, State to)
    {
        var name = EmulatorHost.NodeName(zone, id);
        if (!_nodes.TryGetValue(name, out var record))
        {
            return StatusCode.NotFound;
        }

        if (record.State != from)
        {
            return StatusCode.FailedPrecondition;
        }

        _nodes[name] = record with { State = to };
        return StatusCode.OK;
    }

    private sealed record Record(string Zone, State State, double? CreatedAt, double? GoneAt, bool Fails);
}
