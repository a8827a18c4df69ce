using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// Cross-entropy of the answers and its gradients, in a loop over chunks of them: the gradient is made where the scores
/// are, so they are computed once and those of one chunk exist at a time.
/// </summary>
/// <param name="LossSum">Sum of the weighted losses, a scalar.</param>
/// <param name="ByHidden">Gradient by the normed hidden states, [N, d], in their type.</param>
/// <param name="ByEmbedding">Gradient by the embedding as the output matrix, [V, d]; null where it is frozen.</param>
internal sealed record LeanLoss(Node LossSum, Node ByHidden, Node? ByEmbedding)
{
    public static LeanLoss Build(
        Graph graph, Node hidden, LeanBatch batch, Node embedding, bool isTrained, LeanPlan plan, int chunks)
    {
        var (count, width) = (hidden.Shape[0], hidden.Shape[1]);
        var (rows, compute, precision) = (count / chunks, plan.Precision.Compute, plan.Precision.Products);
        var perChunk = new Shape(chunks, rows);
        var weights = graph.Reshape(batch.Weights, perChunk);
        var loop = new ScanBuilder(graph, chunks);
        var body = loop.Body;
        var part = loop.Slice(graph.Reshape(hidden, new Shape(chunks, rows, width)));
        var labels = loop.Slice(graph.Reshape(batch.Labels, perChunk));
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
            graph.Reshape(loop.Stacked(byHidden), hidden.Shape),
            sum is null ? null : graph.Convert(loop.Final(sum), embedding.DType));
    }
}
