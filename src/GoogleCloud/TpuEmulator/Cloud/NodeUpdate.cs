using System.Security.Cryptography;
using Google.Cloud.Tpu.V2;
using Google.Protobuf.WellKnownTypes;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>Copies the fields of a caller's node that the cloud lets callers set.</summary>
internal static class NodeUpdate
{
    private static readonly Dictionary<string, Action<Node, Node>> Fields = new(StringComparer.Ordinal)
    {
        ["description"] = (node, asked) => node.Description = asked.Description,
        ["tags"] = (node, asked) => Replace(node.Tags, asked.Tags),
        ["labels"] = (node, asked) => Replace(node.Labels, asked.Labels),
        ["metadata"] = (node, asked) => Replace(node.Metadata, asked.Metadata),
        ["datadisks"] = (node, asked) => Replace(node.DataDisks, asked.DataDisks),
        ["networkconfig.enableexternalips"] = (node, asked) =>
        {
            node.NetworkConfig ??= new NetworkConfig();
            node.NetworkConfig.EnableExternalIps = asked.NetworkConfig?.EnableExternalIps ?? false;
        },
    };

    /// <summary>Creates a node in creation; fields that only the cloud may set are not copied.</summary>
    public static Node NewNode(string name, Node asked, Accelerator accelerator, DateTimeOffset now)
    {
        var node = asked.Clone();
        node.Name = name;
        node.State = Node.Types.State.Creating;
        node.CreateTime = Timestamp.FromDateTimeOffset(now);
        node.ApiVersion = Node.Types.ApiVersion.V2;
        node.Id = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8)) & long.MaxValue;
        node.AcceleratorType = accelerator.Name;
        node.AcceleratorConfig = new AcceleratorConfig { Type = accelerator.Type, Topology = accelerator.Topology };
        node.Health = Node.Types.Health.Unspecified;
        node.HealthDescription = "";
        node.NetworkEndpoints.Clear();
        node.Symptoms.Clear();
        node.QueuedResource = "";
        node.MultisliceNode = false;
        return node;
    }

    /// <summary>Copies the fields of the mask, in camel or snake case; all or none of them.</summary>
    public static void Apply(Node node, Node asked, FieldMask mask)
    {
        if (mask.Paths.Count == 0)
        {
            throw new CloudException(Refusals.Bad("The field 'update_mask' is required."));
        }

        var changes = mask.Paths.Select(path =>
            Fields.GetValueOrDefault(path.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant())
            ?? throw new CloudException(Refusals.Bad($"The field '{path}' cannot be updated."))).ToList();
        changes.ForEach(change => change(node, asked));
    }

    private static void Replace<T>(ICollection<T> old, IEnumerable<T> with)
    {
        old.Clear();
        foreach (var each in with)
        {
            old.Add(each);
        }
    }
}
