using System.Text.RegularExpressions;
using Google.Cloud.Tpu.V2;
using Workflows.Activities.Provisioning;
using Workflows.Orchestrations;

namespace Workflows.Activities.Sweeping;

/// <summary>A node or a queued resource as the cloud lists it.</summary>
/// <param name="Kind">The kind of the resource.</param>
/// <param name="Project">The project that was listed; names in answers may contain its number instead.</param>
/// <param name="Zone">The zone.</param>
/// <param name="Id">Its id in the zone.</param>
/// <param name="State">The cloud's state.</param>
/// <param name="CreatedAt">Time of its creation; null if the cloud does not give it.</param>
/// <param name="Nodes">The node, or the nodes that a queued resource requests, with their names.</param>
/// <param name="Queue">Full name of the queued resource that a node belongs to; empty for none.</param>
internal sealed partial record CloudResource(
    ResourceKind Kind, string Project, string Zone, string Id, string State, DateTimeOffset? CreatedAt,
    IReadOnlyList<(NodeName Name, Node Node)> Nodes, string Queue)
{
    private const string Deleting = "Deleting";

    /// <summary>Gets the full resource name.</summary>
    public string Name => Kind == ResourceKind.Node
        ? $"projects/{Project}/locations/{Zone}/nodes/{Id}"
        : $"projects/{Project}/locations/{Zone}/queuedResources/{Id}";

    /// <summary>Gets a key that no later resource with the same name has.</summary>
    public string Key => $"{Name}#{CreatedAt?.ToUnixTimeMilliseconds() ?? 0}";

    /// <summary>Gets the run that all its nodes name; null if there is none, or they differ.</summary>
    public string? Run => LabelOf(NodeLabels.Run);

    /// <summary>Gets the service that all its nodes name; null if there is none, or they differ.</summary>
    public string? Service => LabelOf(NodeLabels.Service);

    /// <summary>Gets the group that all its nodes name; null if there is none, or they differ.</summary>
    public string? Group => LabelOf(NodeLabels.Group);

    /// <summary>Gets a value indicating whether any of its nodes names a run.</summary>
    public bool IsLabelled => Nodes.Any(each => each.Node.Labels.ContainsKey(NodeLabels.Run));

    /// <summary>Gets a value indicating whether its deletion is under way.</summary>
    public bool IsDeleting => State == Deleting;

    /// <summary>Gets the type of its first node.</summary>
    public string AcceleratorType => Nodes[0].Node.AcceleratorType;

    /// <summary>Gets the provisioning mode of its first node.</summary>
    public ProvisioningMode Provisioning => Nodes[0].Node.SchedulingConfig is { Spot: true } or { Preemptible: true }
        ? ProvisioningMode.Spot
        : Nodes[0].Node.SchedulingConfig?.Reserved == true ? ProvisioningMode.Reserved
        : ProvisioningMode.OnDemand;

    /// <summary>Reads a node.</summary>
    /// <returns>null if its name is not a valid one.</returns>
    public static CloudResource? Of(string project, Node node) =>
        Parts(node.Name, "nodes") is var (zone, id) && NameOf(project, zone, id) is { } name
            ? new CloudResource(
                ResourceKind.Node, project, zone, id, node.State.ToString(), node.CreateTime?.ToDateTimeOffset(),
                [(name, node)], node.QueuedResource.Length == 0
                    ? ""
                    : $"projects/{project}/locations/{zone}/queuedResources/{node.QueuedResource.Split('/')[^1]}")
            : null;

    /// <summary>Reads a queued resource.</summary>
    /// <returns>null if its name is not a valid one, or it requests no nodes.</returns>
    public static CloudResource? Of(string project, QueuedResource queued)
    {
        if (Parts(queued.Name, "queuedResources") is not var (zone, id))
        {
            return null;
        }

        var nodes = (queued.Tpu?.NodeSpec ?? [])
            .Where(spec => spec.Node is not null)
            .Select(spec => (NameOf(project, zone, spec.NodeId) ?? NodeName.None, spec.Node)).ToList();
        return nodes.Count == 0 ? null : new CloudResource(
            ResourceKind.QueuedResource, project, zone, id, $"{queued.State?.State}",
            queued.CreateTime?.ToDateTimeOffset(), nodes, "");
    }

    /// <summary>Returns whether every node has the secret that a service gave it, which no one else can know.</summary>
    /// <param name="secrets">The service's secrets.</param>
    /// <param name="run">The run that it names.</param>
    /// <returns>false for a node without a secret, too.</returns>
    public bool HasSecretOf(NodeSecrets secrets, RunId run) => Nodes.All(each =>
        each.Name != NodeName.None && each.Node.Metadata.TryGetValue(NodeLabels.Secret, out var secret)
        && secrets.IsRight(run, each.Name, secret));

    private string? LabelOf(string key)
    {
        var values = Nodes.Select(each => each.Node.Labels.TryGetValue(key, out var value) ? value : null)
            .Distinct().ToList();
        return values is [var only] ? only : null;
    }

    private static (string Zone, string Id)? Parts(string name, string collection) =>
        name.Split('/') is ["projects", _, "locations", var zone, var kind, var id]
        && kind == collection && Segment().IsMatch(zone) && Segment().IsMatch(id)
            ? (zone, id)
            : null;

    private static NodeName? NameOf(string project, string zone, string id) =>
        NodeName.TryParse($"projects/{project}/locations/{zone}/nodes/{id}", out var name) ? name : null;

    // The API's own rule for ids; other names are used in no call and no log line.
    [GeneratedRegex(@"^[A-Za-z0-9_.~+%-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Segment();
}
