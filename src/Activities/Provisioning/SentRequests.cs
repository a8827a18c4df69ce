using Grpc.Core;
using Workflows.Activities.Reporting;
using Workflows.GoogleCloud.Connections;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>
/// Records the create requests that never left this machine: a node that was never requested cannot exist, so teardown
/// need not search for it. <b>Invariant:</b> a request that may have been sent never counts as unsent, even if the
/// service dies during the call.
/// </summary>
internal static class SentRequests
{
    /// <summary>Polls within which the cloud shows a node whose request it has accepted; chosen, two minutes on Cloud
    /// TPU.</summary>
    private const double UnseenPolls = 8;

    /// <summary>Records that a request is about to be sent.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <param name="name">The requested node.</param>
    /// <returns>The request's key.</returns>
    public static string Begin(RunLedger ledger, RunId runId, NodeName name)
    {
        var key = $"{name}#{Keys(ledger, runId, LedgerKinds.Asking, name).Count + 1}";
        ledger.Append(runId, LedgerKinds.Asking, key, new NodeMoment(name, "asking"));
        return key;
    }

    /// <summary>Records that a request was not sent, where its error proves it.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <param name="key">The request's key.</param>
    /// <param name="exception">Its error.</param>
    public static void NoteIfUnsent(RunLedger ledger, RunId runId, string key, RpcException exception)
    {
        if (UnsentCall.IsProved(exception))
        {
            var name = new NodeName(key[..key.LastIndexOf('#')]);
            ledger.Append(runId, LedgerKinds.Unsent, key, new NodeMoment(name, exception.Status.Detail));
        }
    }

    /// <summary>Returns whether the cloud may have received a request for a node.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <param name="name">The node.</param>
    /// <returns>false if every request for it is proved unsent.</returns>
    public static bool MayExist(RunLedger ledger, RunId runId, NodeName name)
    {
        var asked = Keys(ledger, runId, LedgerKinds.Asking, name);

        // Ledgers of earlier versions have no such entries: their nodes may exist.
        return asked.Count == 0 || !asked.IsSubsetOf(Keys(ledger, runId, LedgerKinds.Unsent, name));
    }

    /// <summary>Records that a request was one too many in a short time, so that nobody acted on it.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <param name="key">The request's key.</param>
    /// <param name="exception">Its error.</param>
    public static void NoteRateLimited(RunLedger ledger, RunId runId, string key, RpcException exception) =>
        ledger.Append(
            runId, LedgerKinds.RateLimited, key,
            new NodeMoment(new NodeName(key[..key.LastIndexOf('#')]), exception.Status.Detail));

    /// <summary>Returns whether a node that is not found may be found soon: the cloud shows a node some time after it
    /// has accepted the request. One that was seen, or was refused, will not come.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="spec">The run.</param>
    /// <param name="name">The node.</param>
    /// <returns>true within some polls after the last request that was sent.</returns>
    public static bool MayStillCome(RunLedger ledger, RunSpec spec, NodeName name)
    {
        var limited = Keys(ledger, spec.RunId, LedgerKinds.RateLimited, name);
        var asked = ledger.Read(spec.RunId).LastOrDefault(entry => entry.Kind == LedgerKinds.Asking
            && entry.Key.StartsWith($"{name}#", StringComparison.Ordinal) && !limited.Contains(entry.Key));
        return asked is not null
            && (ledger.Now - asked.At).TotalSeconds < spec.Pace.PollSeconds * UnseenPolls
            && MayExist(ledger, spec.RunId, name)
            && !ledger.Read<NodeMoment>(spec.RunId, LedgerKinds.Ready).Any(fact => fact.Data.NodeName == name)
            && !ledger.Read<NodeMoment>(spec.RunId, LedgerKinds.Stopped).Any(fact => fact.Data.NodeName == name)
            && !ledger.Read<NodeDeletion>(spec.RunId, LedgerKinds.Deletion).Any(fact => fact.Data.NodeName == name)
            && !ledger.Read<AttemptEnd>(spec.RunId, LedgerKinds.Attempt).Any(fact =>
                fact.Data.Lease.NodeName == name
                && fact.Data.Outcome is AttemptOutcome.Refused or AttemptOutcome.Failed);
    }

    /// <summary>Counts the requests for a node, sent or not, except those that a rate limit refused.</summary>
    /// <param name="ledger">The ledger.</param>
    /// <param name="runId">The run.</param>
    /// <param name="name">The node.</param>
    /// <returns>The number, including the request in flight.</returns>
    public static int TriesOf(RunLedger ledger, RunId runId, NodeName name) =>
        Keys(ledger, runId, LedgerKinds.Asking, name)
            .Except(Keys(ledger, runId, LedgerKinds.RateLimited, name), StringComparer.Ordinal).Count();

    private static HashSet<string> Keys(RunLedger ledger, RunId runId, string kind, NodeName name) =>
        ledger.Read(runId)
            .Where(entry => entry.Kind == kind && entry.Key.StartsWith($"{name}#", StringComparison.Ordinal))
            .Select(entry => entry.Key)
            .ToHashSet(StringComparer.Ordinal);
}
