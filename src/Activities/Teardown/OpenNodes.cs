using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Teardown;

/// <summary>Lists the nodes of a run that are not proved gone.</summary>
public static class OpenNodes
{
    /// <summary>Lists the nodes that the cloud may have.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <returns>Nodes that were requested, except those that are proved gone or whose request never left this
    /// machine.</returns>
    public static IReadOnlyList<NodeName> Of(RunLedger ledger, RunId runId)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        return [.. RunCosts.Left(ledger, runId, DateTimeOffset.UnixEpoch).Select(left => left.Lease.NodeName)
            .Where(name => SentRequests.MayExist(ledger, runId, name))];
    }
}
