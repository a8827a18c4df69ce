using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>Fills the inputs of a step, besides the weights, from examples.</summary>
internal static class LeanFeed
{
    /// <summary>Fills the inputs of a step for its micro-batches.</summary>
    /// <param name="plan">Sizes of the step.</param>
    /// <param name="parts">Layouts of each micro-batch's examples; rows and positions may be fewer.</param>
    /// <param name="dropoutSeeds">One for each micro-batch.</param>
    /// <exception cref="ModelInputException">The examples do not fit the sizes.</exception>
    public static Dictionary<string, HostTensor> Of(
        LeanPlan plan, IReadOnlyList<BatchLayout> parts, IReadOnlyList<int> dropoutSeeds)
    {
        if (parts.Count != plan.MicroBatches || dropoutSeeds.Count != plan.MicroBatches)
        {
            throw new ModelInputException("step", $"has {parts.Count} micro-batches, wanted {plan.MicroBatches}");
        }

        HostTensor Whole(Shape shape) => HostTensor.Zeros(DType.Int32, shape);
        var texts = plan.PerMicroBatch(plan.Batch, plan.Length);
        var answers = plan.PerMicroBatch(plan.Batch, plan.AnswerCount);
        var feed = new Dictionary<string, HostTensor>(StringComparer.Ordinal)
        {
            [LeanInputs.Tokens] = Whole(texts),
            [LeanInputs.Positions] = Whole(texts),
            [LeanInputs.Segments] = Whole(texts),
            [LeanInputs.Answers] = Whole(answers),
            [LeanInputs.Labels] = Whole(answers),
            [LeanInputs.Weights] = HostTensor.Zeros(DType.Float32, answers),
            [LeanInputs.DropoutSeed] = new(plan.PerMicroBatch(1), [.. dropoutSeeds]),
        };
        for (var part = 0; part < parts.Count; part++)
        {
            if (parts[part].Rows.Count > plan.Batch)
            {
                throw new ModelInputException(
                    "batch", $"has {parts[part].Rows.Count} rows, wanted at most {plan.Batch}");
            }

            for (var row = 0; row < plan.Batch; row++)
            {
                var examples = row < parts[part].Rows.Count ? parts[part].Rows[row] : [];
                FillRow(plan, feed, (part * plan.Batch) + row, examples);
            }
        }

        return feed;
    }

    /// <summary>Places texts one after the other, each as its own segment; the rest of the row is one more
    /// segment.</summary>
    private static void FillRow(
        LeanPlan plan, Dictionary<string, HostTensor> feed, int row, IReadOnlyList<TrainingExample> examples)
    {
        Span<int> Row(string name, int width) => feed[name].Ints.AsSpan(row * width, width);
        var tokens = Row(LeanInputs.Tokens, plan.Length);
        var positions = Row(LeanInputs.Positions, plan.Length);
        var segments = Row(LeanInputs.Segments, plan.Length);
        var answers = Row(LeanInputs.Answers, plan.AnswerCount);
        var labels = Row(LeanInputs.Labels, plan.AnswerCount);
        var weights = feed[LeanInputs.Weights].Floats.AsSpan(row * plan.AnswerCount, plan.AnswerCount);
        var (begin, used) = (0, 0);
        for (var segment = 0; segment < examples.Count; segment++)
        {
            var (text, prompt) = (examples[segment].Tokens, examples[segment].PromptLength);
            var length = BatchLayout.Positions(examples[segment]);
            if (begin + length > plan.Length || used + text.Length - prompt > plan.AnswerCount)
            {
                throw new ModelInputException(
                    $"row {row}",
                    $"has {begin + length} positions and {used + text.Length - prompt} answers, wanted at most "
                    + $"{plan.Length} and {plan.AnswerCount}");
            }

            for (var position = 0; position < length; position++)
            {
                tokens[begin + position] = text[position];
                (positions[begin + position], segments[begin + position]) = (position, segment);
                if (position >= prompt - 1)
                {
                    (answers[used], labels[used], weights[used]) = (begin + position, text[position + 1], 1);
                    used++;
                }
            }

            begin += length;
        }

        for (var place = begin; place < plan.Length; place++)
        {
            (positions[place], segments[place]) = (place - begin, examples.Count);
        }
    }
}
