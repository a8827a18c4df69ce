using System.Text.Json.Serialization;
using Google.Cloud.Tpu.V2;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using State = Google.Cloud.Tpu.V2.QueuedResourceState.Types.State;

namespace Workflows.Activities.Provisioning;

/// <summary>A node is asked for by a queued resource.</summary>
/// <param name="NodeName">The node.</param>
/// <param name="Name">Full resource name of the queued resource.</param>
/// <param name="Until">Time until which it waits for capacity.</param>
public sealed record QueuedFact(NodeName NodeName, string Name, DateTimeOffset Until)
{
    /// <summary>Gets the seconds after which the cloud deletes the node, for flex-start; null for others.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? MaxRunSeconds { get; init; }
}

/// <summary>
/// Queued resources of a run: requests that wait for capacity, one for each node, with the node's id. The fact is in
/// the ledger before the cloud is asked, so that the teardown deletes the queued resource with its node.
/// </summary>
internal static class QueuedRequests
{
    /// <summary>Asks for a node by a queued resource.</summary>
    /// <param name="connection">The cloud.</param>
    /// <param name="ledger">Receives the fact.</param>
    /// <param name="spec">The run.</param>
    /// <param name="place">The place.</param>
    /// <param name="name">The node's name.</param>
    /// <param name="node">The node.</param>
    /// <param name="now">The current time.</param>
    /// <returns>The cloud's operation.</returns>
    public static async Task<string> CreateAsync(
        TpuConnection connection, RunLedger ledger, RunSpec spec, Candidate place, NodeName name, Node node,
        DateTimeOffset now)
    {
        var parent = $"projects/{spec.Project}/locations/{place.Zone}";
        var wait = TimeSpan.FromSeconds(spec.Tpu.QueueSeconds);
        TimeSpan? maxRun = place.Provisioning == ProvisioningMode.FlexStart
            ? TimeSpan.FromHours(spec.Tpu.MaxRunHours) : null;
        ledger.Append(
            spec.RunId, LedgerKinds.Queued, $"{name}",
            new QueuedFact(name, $"{parent}/queuedResources/{name.NodeId}", now + wait)
            {
                MaxRunSeconds = maxRun?.TotalSeconds,
            });

        // The tier decides; a node with a scheduling of its own would contradict it.
        node.SchedulingConfig = null;
        var asked = new QueuedResource
        {
            Tpu = new QueuedResource.Types.Tpu
            {
                NodeSpec =
                {
                    new QueuedResource.Types.Tpu.Types.NodeSpec
                    {
                        Parent = parent,
                        NodeId = name.NodeId,
                        Node = node,
                    },
                },
            },
            QueueingPolicy = new QueuedResource.Types.QueueingPolicy
            {
                ValidUntilDuration = Duration.FromTimeSpan(wait),
            },
        };
        if (place.Provisioning == ProvisioningMode.Spot)
        {
            asked.Spot = new QueuedResource.Types.Spot();
        }
        else if (place.Provisioning == ProvisioningMode.Reserved)
        {
            // Any reservation of the zone, as gcloud's --reserved asks.
            asked.Guaranteed = new QueuedResource.Types.Guaranteed();
            asked.ReservationName = $"{parent}/reservations/-";
        }

        var request = new CreateQueuedResourceRequest
        {
            Parent = parent,
            QueuedResourceId = name.NodeId,
            QueuedResource = asked,
        };
        return maxRun is { } most
            ? await connection.CreateFlexStartAsync(request, most, CancellationToken.None)
            : (await connection.Tpu.CreateQueuedResourceAsync(
                request, TpuConnection.Routed("parent", parent, CancellationToken.None))).Name;
    }

    /// <summary>Returns the queued resource of a node; null for a node that was asked for itself.</summary>
    public static QueuedFact? Find(RunLedger ledger, RunId runId, NodeName name) =>
        ledger.Read<QueuedFact>(runId, LedgerKinds.Queued).Select(fact => fact.Data)
            .FirstOrDefault(fact => fact.NodeName == name);

    /// <summary>Reads a queued resource.</summary>
    /// <returns>null if there is none.</returns>
    public static async Task<QueuedResource?> ReadAsync(TpuConnection connection, QueuedFact fact)
    {
        try
        {
            return await connection.Tpu.GetQueuedResourceAsync(
                new GetQueuedResourceRequest { Name = fact.Name },
                TpuConnection.Routed("name", fact.Name, CancellationToken.None));
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.NotFound)
        {
            return null;
        }
    }

    /// <summary>Returns the state of a request that has no node to look at.</summary>
    /// <param name="queued">The queued resource; null if it was not found, as just after its creation.</param>
    /// <param name="fact">Its fact.</param>
    /// <param name="spec">The run.</param>
    /// <param name="place">The place of its node.</param>
    /// <param name="reader">Reads its error.</param>
    /// <returns>null if the node's own state decides.</returns>
    public static async Task<NodeObservation?> ObserveAsync(
        QueuedResource? queued, QueuedFact fact, RunSpec spec, Candidate place, RefusalReader reader) =>
        queued?.State?.State switch
        {
            null or State.Unspecified or State.Creating or State.Accepted or State.WaitingForResources =>
                new NodeObservation($"{queued?.State?.State ?? State.Creating}", false, null) { IsQueued = true },
            State.Failed => new NodeObservation(
                $"{State.Failed}", false, await RefusalOfAsync(queued, fact, spec, place, reader)),
            State.Suspending or State.Suspended or State.Deleting => new NodeObservation(
                $"{queued.State.State}", false, new Refusal(
                    "PREEMPTED_DURING_CREATE", RefusalScope.Zone, 600,
                    $"'{fact.Name}' is {queued.State.State} before its node was ready.",
                    "Nothing: the next zone is tried.")),
            _ => null,
        };

    /// <summary>Requests the deletion of a queued resource with its node.</summary>
    /// <returns>The long-running operation; null for one that is gone, which the next call proves.</returns>
    public static async Task<string?> DeleteAsync(TpuConnection connection, QueuedFact fact)
    {
        try
        {
            return (await connection.Tpu.DeleteQueuedResourceAsync(
                new DeleteQueuedResourceRequest { Name = fact.Name, Force = true },
                TpuConnection.Routed("name", fact.Name, CancellationToken.None))).Name;
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.NotFound)
        {
            return null;
        }
    }

    private static async Task<Refusal> RefusalOfAsync(
        QueuedResource queued, QueuedFact fact, RunSpec spec, Candidate place, RefusalReader reader)
    {
        var error = queued.State.FailedData?.Error;
        return error is null || error.Code == (int)StatusCode.DeadlineExceeded
            ? new Refusal(
                "QUEUE_TIMEOUT", RefusalScope.Zone, 600,
                $"'{fact.Name}' was given no capacity until {fact.Until:u}: {error?.Message}",
                "Nothing: the next place is tried. Raise tpu.queueSeconds to wait longer in one place.")
            : await reader.ReadAsync(spec, place, error);
    }
}
