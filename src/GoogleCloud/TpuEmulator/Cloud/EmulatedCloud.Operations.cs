using System.Globalization;
using System.Security.Cryptography;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>The long-running operations. Private members need the lock.</summary>
internal sealed partial class EmulatedCloud
{
    public Operation GetOperation(string name)
    {
        lock (_lock)
        {
            Settle();
            return Operations(name).GetValueOrDefault(name)?.Clone()
                ?? throw new CloudException(Refusals.NotFound(name));
        }
    }

    public IReadOnlyList<Operation> ListOperations(string parent)
    {
        lock (_lock)
        {
            Settle();
            return [.. Operations(parent).Values
                .Where(operation => operation.Name.StartsWith(parent + "/", StringComparison.Ordinal))
                .OrderBy(operation => operation.Name, StringComparer.Ordinal)
                .Select(operation => operation.Clone())];
        }
    }

    /// <summary>Cancels a creation that is under way, including its node; other operations continue.</summary>
    public void CancelOperation(string name)
    {
        lock (_lock)
        {
            Settle();
            var operation = Operations(name).GetValueOrDefault(name)
                ?? throw new CloudException(Refusals.NotFound(name));
            if (operation.Done)
            {
                return;
            }

            var metadata = operation.Metadata.Unpack<OperationMetadata>();
            metadata.CancelRequested = true;
            operation.Metadata = Any.Pack(metadata);
            if (Nodes().FirstOrDefault(record => record.CreateOperation == name && record.CreatedAt is not null)
                is { } record)
            {
                var owner = Project(record.Project);
                owner.Nodes.Remove(record.Node.Name);
                Fail(owner, name, Refusals.Cancelled());
            }

            Changed();
        }
    }

    /// <summary>Deletes an operation; its effect continues.</summary>
    public void DeleteOperation(string name)
    {
        lock (_lock)
        {
            Settle();
            if (!Operations(name).Remove(name))
            {
                throw new CloudException(Refusals.NotFound(name));
            }

            Changed();
        }
    }

    private Dictionary<string, Operation> Operations(string name) =>
        name.Split('/') is ["projects", var project, ..] ? Project(project).Operations : [];

    private Operation NewOperation(NodeRecord record, string verb) =>
        NewOperation(record.Project, record.Zone, record.Node.Name, verb);

    private Operation NewOperation(string project, string zone, string target, string verb)
    {
        var now = _clock.GetUtcNow();
        var random = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(15));
        var id = string.Create(CultureInfo.InvariantCulture,
            $"operation-{now.ToUnixTimeMilliseconds()}-{random[..13]}-{random[13..21]}-{random[21..29]}");
        var operation = new Operation
        {
            Name = $"projects/{project}/locations/{zone}/operations/{id}",
            Metadata = Any.Pack(new OperationMetadata
            {
                CreateTime = Timestamp.FromDateTimeOffset(now),
                Target = target,
                Verb = verb,
                ApiVersion = "v2",
            }),
        };
        Project(project).Operations.Add(operation.Name, operation);
        return operation;
    }

    private void Succeed(ProjectRecord owner, string? name, IMessage response)
    {
        if (End(owner, name) is { } operation)
        {
            operation.Response = Any.Pack(response);
        }
    }

    private void Fail(ProjectRecord owner, string? name, Google.Rpc.Status error)
    {
        if (End(owner, name) is { } operation)
        {
            operation.Error = error;
        }
    }

    /// <summary>Marks an operation as done; null if it is done already, or its caller has deleted it.</summary>
    private Operation? End(ProjectRecord owner, string? name)
    {
        if (name is null || owner.Operations.GetValueOrDefault(name) is not { Done: false } operation)
        {
            return null;
        }

        var metadata = operation.Metadata.Unpack<OperationMetadata>();
        metadata.EndTime = Timestamp.FromDateTimeOffset(_clock.GetUtcNow());
        operation.Metadata = Any.Pack(metadata);
        operation.Done = true;
        return operation;
    }
}
