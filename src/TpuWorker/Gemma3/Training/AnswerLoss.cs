using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// Cross-entropy of the answer rows and its gradients by their hidden states and by the embedding, built chunk by
/// chunk, so that only the scores of a few rows exist at a time. For a vocabulary of 262,144 a thousand rows of scores
/// are 1 GB, and four such tensors are alive at once.
/// </summary>
/// <param name="Losses">[R], not weighted.</param>
/// <param name="ByHidden">Gradient of the weighted sum by the hidden states, [R, d].</param>
/// <param name="ByEmbedding">Gradient by the embedding as the output matrix, [V, d]; unused if it is frozen.</param>
internal sealed record AnswerLoss(Node Losses, Node ByHidden, Node ByEmbedding)
{
    // Chosen: 128 MB of scores, which is 128 rows of the real vocabulary; products of fewer rows are slower.
    private const int ChunkElements = 1 << 25;

    /// <summary>Returns the rows whose scores are computed at once.</summary>
    public static int RowsAtOnce(Gemma3Config config) => Math.Max(1, ChunkElements / config.VocabularySize);

    public static AnswerLoss Build(
        Gemma3Graph model, Node hidden, Node labels, Node weights, int rowsAtOnce, bool isEmbeddingTrained)
    {
        var graph = model.Graph;
        var embedding = model.Parameters[Gemma3Parameters.Embedding];
        var (losses, byHidden) = (new List<Node>(), new List<Node>());
        Node? byEmbedding = null;
        for (var start = 0; start < hidden.Shape[0]; start += rowsAtOnce)
        {
            var count = Math.Min(rowsAtOnce, hidden.Shape[0] - start);
            Node Part(Node rows) => count == rows.Shape[0] ? rows : graph.Slice(rows, 0, start, count);
            var part = Part(hidden);
            if (start > 0)
            {
                part = graph.Add(part, After(isEmbeddingTrained ? byEmbedding : null, losses[^1], byHidden[^1]));
            }

            var (logits, answers) = (model.Logits(part), Part(labels));
            losses.Add(graph.CrossEntropy(logits, answers));
            var byLogits = graph.Append(OpCode.CrossEntropyGradient, [logits, answers, Part(weights)]);
            byHidden.Add(graph.MatMul(byLogits, embedding));
            var added = graph.MatMul(byLogits, part, transposeLeft: true);
            byEmbedding = byEmbedding is null ? added : graph.Add(byEmbedding, added);
        }

        return new AnswerLoss(Join(graph, losses), Join(graph, byHidden), byEmbedding!);
    }

    private static Node Join(Graph graph, List<Node> parts) => parts.Count == 1 ? parts[0] : graph.Concat(0, parts);

    /// <summary>
    /// Builds a zero [1, 1] that can be computed only after the given results. Adding it to a chunk prevents the
    /// runtime, which may reorder independent nodes, from starting the chunk while the one before is alive.
    /// </summary>
    private static Node After(params ReadOnlySpan<Node?> results)
    {
        Node? sum = null;
        foreach (var result in results)
        {
            if (result is not null)
            {
                var first = result;
                for (var axis = 0; axis < result.Shape.Rank; axis++)
                {
                    first = result.Graph.Slice(first, axis, 0, 1);
                }

                first = result.Graph.Reshape(first, new Shape(1, 1));
                sum = sum is null ? first : result.Graph.Add(sum, first);
            }
        }

        return sum!.Graph.Scale(sum, 0);
    }
}
