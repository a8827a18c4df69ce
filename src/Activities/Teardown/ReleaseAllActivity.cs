using System.Runtime.ExceptionServices;
using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Microsoft.DurableTask;
using Workflows.Activities.Capacity;
using Workflows.Activities.Handover;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Activities.Training;
using Workflows.GoogleCloud.Connections;
using Workflows.Orchestrations;

namespace Workflows.Activities.Teardown;

/// <summary>
/// Deletes every node that the run ever meant to create and that may exist, and every other node in any zone that
/// carries the run's label, unless another service created it.
/// </summary>
public sealed class ReleaseAllActivity(ITpuCloud cloud, RunLedger ledger, ITpuJobs jobs, NodeSecrets secrets)
    : TaskActivity<RunSpec, IReadOnlyList<NodeRelease>>
{
    /// <summary>Failed calls of one zone after which its other nodes wait for the next try: each call has tries of its
    /// own, and the nodes of other zones cost money meanwhile.</summary>
    private const int MostFailures = 3;

    /// <inheritdoc />
    public override async Task<IReadOnlyList<NodeRelease>> RunAsync(TaskActivityContext context, RunSpec input)
    {
        Handovers.Complete(ledger, input.RunId);
        var intents = ledger.Read<TpuLease>(input.RunId, LedgerKinds.Intent);
        var names = intents.Select(fact => fact.Data.NodeName).ToHashSet();
        names.ExceptWith(Refused(input.RunId));
        names.RemoveWhere(name => !SentRequests.MayExist(ledger, input.RunId, name));
        if (intents.Count == 0)
        {
            // No node was ever requested: a run that failed on its data needs no credentials to end.
            return [];
        }

        var connection = await cloud.ConnectAsync(input, CancellationToken.None);
        var listed = new HashSet<NodeName>();
        try
        {
            listed.UnionWith(await LabelledAsync(connection, input));
            names.UnionWith(listed);
        }
        catch (RpcException exception) when (names.Count == 0
            && (UnsentCall.IsProved(exception)
                || RefusalClassifier.Classify(exception).Scope is RefusalScope.Project or RefusalScope.Request))
        {
            // The cloud accepted no node of ours, or received no request for one, so there is nothing to release. The
            // search only looks for nodes that should not exist.
            return [];
        }

        var proved = ledger.Read<NodeMoment>(input.RunId, LedgerKinds.Released)
            .Select(fact => fact.Data.NodeName).Except(listed).ToHashSet();
        var releases = new List<NodeRelease>();
        var failures = new Dictionary<string, List<RpcException>>(StringComparer.Ordinal);
        foreach (var name in names.Where(name => Handovers.MayRelease(ledger, input.RunId, name))
            .OrderBy(name => name.ToString(), StringComparer.Ordinal))
        {
            if (proved.Contains(name))
            {
                // Asking for all of a long search at each poll would need a time at which no call fails.
                releases.Add(new NodeRelease(name, NodeStates.NotFound, ConfirmedNotFound: true));
            }
            else if (failures.GetValueOrDefault(name.Zone) is not { Count: MostFailures })
            {
                try
                {
                    releases.Add(await ReleaseNodeActivity.ReleaseAsync(connection, ledger, jobs, input, name));
                }
                catch (RpcException exception)
                {
                    failures[name.Zone] = [.. failures.GetValueOrDefault(name.Zone) ?? [], exception];
                }
            }
        }

        if (failures.Count > 0)
        {
            // Tried again; by then the nodes of the other zones are being deleted.
            ExceptionDispatchInfo.Throw(failures.Values.First()[0]);
        }

        return releases;
    }

    /// <summary>
    /// Nodes whose create request was refused, so none should exist. If one does, the label search still finds it.
    /// </summary>
    private IEnumerable<NodeName> Refused(RunId runId) => ledger.Read<AttemptEnd>(runId, LedgerKinds.Attempt)
        .Where(fact => fact.Data.Outcome == AttemptOutcome.Refused)
        .Select(fact => fact.Data.Lease.NodeName);

    private async Task<IEnumerable<NodeName>> LabelledAsync(TpuConnection connection, RunSpec spec)
    {
        var found = new List<NodeName>();
        var parent = $"projects/{spec.Project}/locations/-";
        var page = "";
        do
        {
            var answer = await connection.Tpu.ListNodesAsync(
                new ListNodesRequest { Parent = parent, PageSize = 100, PageToken = page },
                TpuConnection.Routed("parent", parent, CancellationToken.None));
            found.AddRange(answer.Nodes
                .Where(node => NodeLabels.AreOf(node.Labels, spec.RunId, secrets.ServiceId))
                .Select(node => NameOf(spec.Project, node)));
            page = answer.NextPageToken;
        }
        while (page.Length > 0);

        return found;
    }

    /// <summary>Names a node as the ledger does: by the project's id, in place of which an answer may have its number.
    /// By another name, the facts of a node that was handed on would not be found.</summary>
    private static NodeName NameOf(string project, Node node) =>
        CloudResource.Of(project, node)?.Nodes[0].Name ?? new NodeName(node.Name);
}
