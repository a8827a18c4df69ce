using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// Splits steps and decoding over the chips of a host: rows of the batch, and large weights with their moments, each
/// along one axis (fully sharded data parallelism, Rajbhandari et al. 2020: weights are gathered where they are used).
/// A tensor that does not split evenly is replicated on every chip.
/// </summary>
internal static class LeanSharding
{
    // A weight smaller than this is not worth an exchange: norms, and adapters of small models.
    private const long SmallElements = 1 << 16;

    /// <summary>The axis of the rows, counted from the last, of tensors that have rows.</summary>
    private static readonly Dictionary<string, Func<int, int>> RowAxes = new(StringComparer.Ordinal)
    {
        [LeanInputs.Tokens] = rank => Math.Max(0, rank - 2),
        [LeanInputs.Positions] = rank => rank - 2,
        [LeanInputs.Segments] = rank => rank - 2,
        [LeanInputs.Answers] = rank => rank - 2,
        [LeanInputs.Labels] = rank => rank - 2,
        [LeanInputs.Weights] = rank => rank - 2,
        [LeanDecode.Prompts] = _ => 0,
        [LeanDecode.Lengths] = _ => 0,
        [LeanDecode.Ended] = _ => 0,
        [LeanDecode.Keys] = _ => 1,
        [LeanDecode.Values] = _ => 1,
    };

    private static readonly string FirstPrefix = LeanInputs.FirstMomentOf(string.Empty);
    private static readonly string SecondPrefix = LeanInputs.SecondMomentOf(string.Empty);

    /// <summary>Returns the partition for a number of chips; null for one.</summary>
    public static StableHloPartition? Over(int devices) =>
        devices == 1 ? null : new StableHloPartition(devices, (name, shape) => AxisOf(name, shape, devices));

    private static int? AxisOf(string name, Shape shape, int devices)
    {
        if (RowAxes.TryGetValue(name, out var axisOf))
        {
            return shape[axisOf(shape.Rank)] % devices == 0 ? axisOf(shape.Rank) : null;
        }

        var weight = name.StartsWith(FirstPrefix, StringComparison.Ordinal) ? name[FirstPrefix.Length..]
            : name.StartsWith(SecondPrefix, StringComparison.Ordinal) ? name[SecondPrefix.Length..]
            : name;
        if (!weight.EndsWith(".weight", StringComparison.Ordinal) || shape.ElementCount < SmallElements)
        {
            return null;
        }

        // The loop runs over layers, so their own axis, the first of a stack, is not split.
        int[] axes = [.. Enumerable.Range(shape.Rank == 3 ? 1 : 0, shape.Rank == 3 ? 2 : shape.Rank)
            .Where(axis => shape[axis] % devices == 0).OrderByDescending(axis => shape[axis])];
        return axes.Length == 0 ? null : axes[0];
    }
}
