using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// Cross-entropy of the answers and its gradients, in a loop over chunks of them. The gradient is computed together
/// with the scores, so scores are computed once and only those of one chunk exist at a time.
/// </summary>
/// <param name="LossSum">Sum of the weighted losses, a scalar.</param>
/// <param name="ByHidden">Gradient by the normed hidden states, [N, d], in their type.</param>
/// <param name="ByEmbedding">Gradient by the embedding as the output matrix, [V, d]; null if it is frozen.</param>
internal sealed record LeanLoss(Node LossSum, Node ByHidden, Node? ByEmbedding)
{
    public static LeanLoss Build(
        Graph graph, Node hidden, LeanBatch batch, Node embedding, bool isTrained, LeanPlan plan, int chunks)
    {
        var width = hidden.Shape[1];
        var (compute, precision) = (plan.Precision.Compute, plan.Precision.Products);
        var weights = Chunked(graph, batch.Weights, plan, chunks);
        var loop = new ScanBuilder(graph, chunks);
        var body = loop.Body;
        var part = loop.Slice(Chunked(graph, hidden, plan, chunks, width));
        var labels = loop.Slice(Chunked(graph, batch.Labels, plan, chunks));
        var matrix = loop.Share(graph.Convert(embedding, compute));
        var sum = isTrained ? loop.Carry(graph.Splat(embedding.Shape, 0)) : null;

        var logits = body.MatMul(part, matrix, transposeRight: true, precision: precision);
        var losses = body.CrossEntropy(logits, labels);
        var byLogits = body.Convert(
            body.Append(OpCode.CrossEntropyGradient, [logits, labels, loop.Slice(weights)]), compute);
        var byHidden = body.MatMul(byLogits, matrix, type: compute, precision: precision);
        if (sum is not null)
        {
            loop.Next(sum, body.Add(sum, body.MatMul(byLogits, part, transposeLeft: true, precision: precision)));
        }

        var weighted = graph.Multiply(loop.Stacked(losses), weights);
        return new LeanLoss(
            graph.Reshape(graph.ReduceSum(weighted, 0, 1), Shape.Scalar),
            Whole(graph, loop.Stacked(byHidden), plan, chunks, width),
            sum is null ? null : graph.Convert(loop.Final(sum), embedding.DType));
    }

    /// <summary>
    /// Splits [B*R] or [B*R, d] into [chunks, B*R/chunks] with its d. On one chip a chunk is some rows; if rows are on
    /// several chips, it is a part of each row, so that every chip has its share of every chunk.
    /// </summary>
    private static Node Chunked(Graph graph, Node value, LeanPlan plan, int chunks, params ReadOnlySpan<int> width)
    {
        var rows = plan.Batch * plan.AnswerCount / chunks;
        if (plan.Devices == 1)
        {
            return graph.Reshape(value, new Shape([chunks, rows, .. width]));
        }

        var cut = graph.Reshape(value, new Shape([plan.Batch, chunks, plan.AnswerCount / chunks, .. width]));
        return graph.Reshape(Swapped(graph, cut), new Shape([chunks, rows, .. width]));
    }

    /// <summary>Undoes <see cref="Chunked"/>.</summary>
    private static Node Whole(Graph graph, Node value, LeanPlan plan, int chunks, int width)
    {
        var whole = new Shape(plan.Batch * plan.AnswerCount, width);
        if (plan.Devices == 1)
        {
            return graph.Reshape(value, whole);
        }

        var cut = graph.Reshape(value, new Shape(chunks, plan.Batch, plan.AnswerCount / chunks, width));
        return graph.Reshape(Swapped(graph, cut), whole);
    }

    private static Node Swapped(Graph graph, Node value) =>
        graph.Transpose(value, [1, 0, .. Enumerable.Range(2, value.Shape.Rank - 2)]);
}
