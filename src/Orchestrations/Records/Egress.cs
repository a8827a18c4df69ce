using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>
/// The egress of a run between its bucket and its nodes (ADR 0037): the catalog's prices at the time of the plan, and
/// what is expected at the plan's first place. It is computed, and no part of the cost of the nodes.
/// </summary>
/// <param name="Bucket">Location of the run's bucket; empty if it may not be read, which counts as far.</param>
/// <param name="UsdPerGib">US dollars for 1 GiB in either direction, by the regions of the plan's places.</param>
/// <param name="Expected">What is expected at the first place.</param>
public sealed record EgressPlan(
    string Bucket, IReadOnlyDictionary<string, double> UsdPerGib, EgressEstimate Expected);

/// <summary>Expected egress of a run that has its nodes in one region, in US dollars by its parts.</summary>
/// <param name="ModelUsd">The model, from the bucket to each node.</param>
/// <param name="CorpusUsd">The prepared pairs, from the bucket to each node.</param>
/// <param name="CheckpointUsd">The checkpoints, from the nodes to the bucket, and the newest one to each node after
/// another.</param>
/// <param name="ResultUsd">The tuned model, from its node to the bucket.</param>
public sealed record EgressEstimate(double ModelUsd, double CorpusUsd, double CheckpointUsd, double ResultUsd)
{
    /// <summary>Gets the sum in US dollars.</summary>
    public double TotalUsd => ModelUsd + CorpusUsd + CheckpointUsd + ResultUsd;

    /// <summary>Gets the price of 1 GiB between the bucket and the region, in US dollars.</summary>
    public double UsdPerGib { get; init; }

    /// <summary>Gets the nodes that are expected: one, and one more for each expected loss.</summary>
    public double Nodes { get; init; } = 1;

    /// <summary>Gets the bytes of the model that each node loads.</summary>
    public long ModelBytes { get; init; }

    /// <summary>Gets the bytes of the prepared pairs; null if they were not counted.</summary>
    public long? CorpusBytes { get; init; }

    /// <summary>Gets the bytes of one checkpoint; null if they were not counted.</summary>
    public double? CheckpointBytes { get; init; }

    /// <summary>Gets the checkpoints that the training writes.</summary>
    public int Checkpoints { get; init; }

    /// <summary>Gets what is assumed, in words.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public string? Basis { get; init; }

    /// <summary>Adds the estimates of runs that are planned together, such as the variants of a group.</summary>
    /// <param name="all">The estimates.</param>
    /// <returns>Sums, with the sizes of the first; null for none.</returns>
    public static EgressEstimate? Sum(IEnumerable<EgressEstimate> all)
    {
        List<EgressEstimate> each = [.. all];
        return each.Count == 0 ? null : each[0] with
        {
            ModelUsd = each.Sum(one => one.ModelUsd),
            CorpusUsd = each.Sum(one => one.CorpusUsd),
            CheckpointUsd = each.Sum(one => one.CheckpointUsd),
            ResultUsd = each.Sum(one => one.ResultUsd),
            Nodes = each.Sum(one => one.Nodes),
            Checkpoints = each.Sum(one => one.Checkpoints),
        };
    }
}
