using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>A node that passes from one variant to another.</summary>
/// <param name="From">The variant that gives it.</param>
/// <param name="Lease">The node.</param>
public sealed record HandedNode(RunId From, TpuLease Lease);

/// <summary>Asks whether a variant may offer its node, which it needs no more.</summary>
/// <param name="Spec">The variant.</param>
/// <param name="Lease">The node.</param>
public sealed record OfferInput(RunSpec Spec, TpuLease Lease);

/// <summary>Hands a node on.</summary>
/// <param name="Handed">The node with its owner.</param>
/// <param name="To">The variant that gets it.</param>
public sealed record HandInput(HandedNode Handed, RunId To);

/// <summary>Asks whether a node that was handed on can be used.</summary>
/// <param name="Spec">The variant that got it.</param>
/// <param name="Plan">The variant's plan.</param>
/// <param name="Handed">The node.</param>
public sealed record AcceptInput(RunSpec Spec, RunPlan Plan, HandedNode Handed);

/// <summary>The answer of a variant that was handed a node.</summary>
/// <param name="Lease">The node to work on; null to rent another one.</param>
/// <param name="IsOwned">true if the node is the variant's, which must release it if it does not use it.</param>
public sealed record NodeAcceptance(TpuLease? Lease, bool IsOwned)
{
    /// <summary>Gets the most seconds for which the node may wait for the variant's preparation; null for no limit, in
    /// older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? MostIdleSeconds { get; init; }
}
