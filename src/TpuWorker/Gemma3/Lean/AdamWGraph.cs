using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, algorithm 2) on states of a graph, with the numbers of <see cref="AdamW"/>. A
/// step whose loss or norm is not finite leaves every state as it was, since the device has no copy to restore.
/// </summary>
internal static class AdamWGraph
{
    /// <summary>Returns the norm of all gradients together, a scalar of single precision.</summary>
    public static Node Norm(Graph graph, IEnumerable<Node> gradients)
    {
        Node? sum = null;
        foreach (var gradient in gradients)
        {
            var wide = graph.Convert(gradient, DType.Float32);
            int[] axes = [.. Enumerable.Range(0, gradient.Shape.Rank)];
            var squares = graph.Reshape(graph.ReduceSum(graph.Multiply(wide, wide), axes), Shape.Scalar);
            sum = sum is null ? squares : graph.Add(sum, squares);
        }

        return graph.Sqrt(sum!);
    }

    /// <summary>Returns whether all of some scalars are finite numbers.</summary>
    public static Node IsFinite(Graph graph, params ReadOnlySpan<Node> scalars)
    {
        Node? all = null;
        foreach (var scalar in scalars)
        {
            var size = graph.Maximum(scalar, graph.Negate(scalar));
            var isFinite = graph.Compare(
                size, Comparison.LessOrEqual, graph.Splat(Shape.Scalar, float.MaxValue));
            all = all is null ? isFinite : graph.And(all, isFinite);
        }

        return all!;
    }

    /// <summary>Updates the weights that have a gradient, and their moments.</summary>
    public static void Update(
        Graph graph, FineTuneOptions options, IReadOnlyList<(string Name, Node Weight, Node Gradient)> trained,
        Node norm, Node isFinite)
    {
        Node Scalar(string name) => graph.Input(name, Shape.Scalar);
        var (learningRate, rate) = (Scalar(LeanInputs.LearningRate), Scalar(LeanInputs.Rate));
        var rootCorrection = Scalar(LeanInputs.RootCorrection);

        // The epsilon is the reference's, so that clipped steps are equal.
        var clip = graph.Minimum(Number(graph, 1), graph.Divide(
            Number(graph, options.MaxGradientNorm), graph.Add(norm, Number(graph, 1e-6))));
        foreach (var (name, weight, gradient) in trained)
        {
            var first = graph.State(LeanInputs.FirstMomentOf(name), weight.Shape, weight.DType);
            var second = graph.State(LeanInputs.SecondMomentOf(name), weight.Shape, weight.DType);
            var g = graph.Multiply(Wide(gradient), clip);

            // The weight's update uses the moments as they are stored afterwards, not the old ones, so each state has
            // one reader and can be overwritten in place. Without the barriers compilers copy the old moments first.
            var m = Set(first, Mixed(graph, Wide(first), g, options.Beta1));
            var v = Set(second, Mixed(graph, Wide(second), graph.Multiply(g, g), options.Beta2));
            var divisor = graph.Add(
                graph.Multiply(graph.Sqrt(v), rootCorrection), Number(graph, options.Epsilon));
            var move = graph.Divide(graph.Multiply(m, rate), divisor);
            var isMatrix = weight.Shape.Rank > (name.Contains(".layers.", StringComparison.Ordinal) ? 2 : 1);
            var decay = isMatrix || options.WeightDecayScope == WeightDecayScope.All ? options.WeightDecay : 0;
            var kept = decay == 0
                ? Wide(weight)
                : graph.Multiply(Wide(weight), graph.Subtract(
                    Number(graph, 1), graph.Multiply(learningRate, Number(graph, decay))));
            Set(weight, graph.Subtract(kept, move));
        }

        Node Wide(Node value) => graph.Convert(value, DType.Float32);
        Node Set(Node state, Node next)
        {
            var stored = graph.Barrier(graph.Select(isFinite, graph.Convert(next, state.DType), state));
            graph.Update(state, stored);
            return Wide(stored);
        }
    }

    private static Node Mixed(Graph graph, Node old, Node added, double share) => graph.Add(
        graph.Scale(old, (float)share), graph.Scale(added, 1 - (float)share));

    private static Node Number(Graph graph, double value) => graph.Splat(Shape.Scalar, (float)value);
}
