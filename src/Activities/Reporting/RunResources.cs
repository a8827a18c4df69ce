using System.Text.Json.Serialization;
using Workflows.Activities.Handover;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Sweeping;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>States of a resource, as the run has seen them.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ResourceState>))]
public enum ResourceState
{
    /// <summary>It is asked for, or waits for capacity.</summary>
    [JsonStringEnumMemberName("asked")]
    Asked,

    /// <summary>The cloud refused the request.</summary>
    [JsonStringEnumMemberName("refused")]
    Refused,

    /// <summary>The node is READY and costs; a queued resource has its node.</summary>
    [JsonStringEnumMemberName("ready")]
    Ready,

    /// <summary>It costs nothing any more, and is not proved gone: it was preempted, or stopped.</summary>
    [JsonStringEnumMemberName("stopped")]
    Stopped,

    /// <summary>Its deletion was accepted, and is not proved yet.</summary>
    [JsonStringEnumMemberName("deleting")]
    Deleting,

    /// <summary>The cloud has answered NOT_FOUND for it.</summary>
    [JsonStringEnumMemberName("gone")]
    Gone,

    /// <summary>Another run owns it now, and gives it back.</summary>
    [JsonStringEnumMemberName("handed")]
    Handed,
}

/// <summary>The proof that a resource was deleted.</summary>
/// <param name="AskedAt">Time at which the cloud accepted the deletion; null if it was gone by itself.</param>
/// <param name="Operation">Name of the cloud's last operation; null if it was gone by itself.</param>
/// <param name="GoneAt">Time at which the cloud answered NOT_FOUND; null while that is open.</param>
/// <param name="State"><c>NOT_FOUND</c>, or the word of the sweep that saw it gone; null while that is open.</param>
public sealed record ResourceDeletion(
    DateTimeOffset? AskedAt, string? Operation, DateTimeOffset? GoneAt, string? State);

/// <summary>A resource that a run has or had in the cloud.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Name">Its full name.</param>
/// <param name="Run">The run that owns or owned it: of a group, the variant.</param>
/// <param name="Zone">The zone.</param>
/// <param name="AcceleratorType">The type, such as <c>v5litepod-8</c>.</param>
/// <param name="Provisioning">The mode: spot, on-demand, flex-start or reserved.</param>
/// <param name="Attempt">Number of the attempt that asked for it; 0 for a node that another run handed over.</param>
/// <param name="State">Its state.</param>
/// <param name="AskedAt">Time of the request.</param>
/// <param name="ReadyAt">Time at which the node was seen READY first; null if it never was.</param>
/// <param name="EndedAt">Time from which it cost nothing any more; null while it may.</param>
/// <param name="UsdPerHour">Price of the node, US dollars per hour; 0 for a queued resource.</param>
/// <param name="Usd">Cost until now in US dollars.</param>
/// <param name="Why">Why it ended: the refusal, the cloud's state, or its deletion; null while it has not.</param>
/// <param name="Deletion">The proof of its deletion; null before one.</param>
public sealed record RunResource(
    ResourceKind Kind, string Name, RunId Run, string Zone, string AcceleratorType, ProvisioningMode Provisioning,
    int Attempt, ResourceState State, DateTimeOffset AskedAt, DateTimeOffset? ReadyAt, DateTimeOffset? EndedAt,
    double UsdPerHour, double Usd, string? Why, ResourceDeletion? Deletion)
{
    /// <summary>Gets the code of the refusal; null for none.</summary>
    public string? Code { get; init; }

    /// <summary>Gets the time until which a queued resource waits for capacity; null for a node.</summary>
    public DateTimeOffset? WaitsUntil { get; init; }
}

/// <summary>
/// Lists the nodes and queued resources of a run from its ledger, where each is noted before the cloud is asked for it:
/// in the order of the requests, a queued resource before its node. A deletion of a queued resource takes its node with
/// it, so that both have the same proof.
/// </summary>
public static class RunResources
{
    /// <summary>Lists them; of a group, those of all variants, one variant after the other.</summary>
    /// <param name="ledger">The facts.</param>
    /// <param name="runId">The run.</param>
    /// <param name="now">The current time.</param>
    /// <returns>The resources, also those that were refused.</returns>
    public static IReadOnlyList<RunResource> Of(RunLedger ledger, RunId runId, DateTimeOffset now) =>
        [.. VariantLedgers.WithMembers(ledger, runId).SelectMany(each => OfOne(ledger, each, now))];

    private static IEnumerable<RunResource> OfOne(RunLedger ledger, RunId runId, DateTimeOffset now)
    {
        var costs = RunCosts.ByNode(ledger, runId, now);
        var queued = ByNode(ledger.Read<QueuedFact>(runId, LedgerKinds.Queued), fact => fact.NodeName);
        var attempts = ByNode(ledger.Read<AttemptEnd>(runId, LedgerKinds.Attempt), end => end.Lease.NodeName);
        var ready = ByNode(ledger.Read<NodeMoment>(runId, LedgerKinds.Ready), moment => moment.NodeName);
        var stopped = ByNode(ledger.Read<NodeMoment>(runId, LedgerKinds.Stopped), moment => moment.NodeName);
        var released = ByNode(ledger.Read<NodeMoment>(runId, LedgerKinds.Released), moment => moment.NodeName);
        var handed = ByNode(Handovers.HandedOn(ledger, runId), fact => fact.NodeName);
        var deletions = ledger.Read<NodeDeletion>(runId, LedgerKinds.Deletion)
            .GroupBy(fact => fact.Data.NodeName)
            .ToDictionary(group => group.Key, group => (First: group.First().At, group.Last().Data.Operation));
        foreach (var (askedAt, lease) in ledger.Read<TpuLease>(runId, LedgerKinds.Intent)
            .DistinctBy(fact => fact.Data.NodeName))
        {
            var (name, place) = (lease.NodeName, lease.Candidate);
            var isDeleted = deletions.TryGetValue(name, out var deletion);
            var gone = Find(released, name);
            var stop = Find(stopped, name);
            var passed = Find(handed, name);
            var seen = Find(ready, name);
            var attempt = Find(attempts, name);
            var isRefused = attempt?.Data.Outcome == AttemptOutcome.Refused && seen is null;
            var state = passed is not null ? ResourceState.Handed
                : isRefused ? ResourceState.Refused
                : gone is not null ? ResourceState.Gone
                : isDeleted ? ResourceState.Deleting
                : stop is not null ? ResourceState.Stopped
                : seen is not null ? ResourceState.Ready
                : ResourceState.Asked;
            var ends = new[] { passed?.At, stop?.At, gone?.At, isRefused ? attempt?.At : null };
            var cause = attempt?.Data.Refusal;
            var node = new RunResource(
                ResourceKind.Node, $"{name}", runId, place.Zone, place.AcceleratorType, place.Provisioning,
                lease.Attempt, state, askedAt, seen?.At, ends.Min(), place.UsdPerHour, costs.GetValueOrDefault(name),
                passed is { Data.To: var to } ? $"handed to run '{to}'"
                    : cause?.Reason ?? stop?.Data.State ?? (isDeleted ? "given back by the run" : gone?.Data.State),
                isDeleted || gone is not null
                    ? new ResourceDeletion(
                        isDeleted ? deletion.First : null, isDeleted ? deletion.Operation : null, gone?.At,
                        gone?.Data.State)
                    : null)
            {
                Code = cause?.Code,
            };
            if (Find(queued, name) is { } request)
            {
                yield return node with
                {
                    Kind = ResourceKind.QueuedResource,
                    Name = request.Data.Name,
                    AskedAt = request.At,
                    UsdPerHour = 0,
                    Usd = 0,
                    WaitsUntil = request.Data.Until,
                };
            }

            yield return node;
        }
    }

    /// <summary>Returns the first fact of each node.</summary>
    private static Dictionary<NodeName, (DateTimeOffset At, T Data)> ByNode<T>(
        IEnumerable<(DateTimeOffset At, T Data)> facts, Func<T, NodeName> nameOf) =>
        facts.GroupBy(fact => nameOf(fact.Data)).ToDictionary(group => group.Key, group => group.First());

    private static (DateTimeOffset At, T Data)? Find<T>(
        Dictionary<NodeName, (DateTimeOffset At, T Data)> facts, NodeName name) =>
        facts.TryGetValue(name, out var fact) ? fact : null;
}
