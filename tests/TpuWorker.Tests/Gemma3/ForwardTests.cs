using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class ForwardTests
{
    private const double Tolerance = 1e-4;

    public static TheoryData<string> WithBatch => Fixtures.With("batch.safetensors");

    public static TheoryData<string> BrainFloat => Fixtures.With("config.json", "reference.safetensors");

    public static TheoryData<string> WithLong => Fixtures.With("long.safetensors");

    [Theory]
    [MemberData(nameof(WithBatch))]
    public void HiddenStates_ReferenceBatch_EqualTransformers(string name)
    {
        var folder = Fixtures.Folder(name);
        var model = Gemma3Checkpoint.Load(folder);
        var batch = Fixtures.Read(folder, "batch.safetensors");
        var wanted = Fixtures.Read(folder, "forward.safetensors");

        var got = Passes.Run(model, batch["input_ids"]);

        for (var layer = 0; layer <= model.Config.LayerCount; layer++)
        {
            var state = $"hidden.{layer}";
            Passes.CompareRows(wanted[state], got[state], batch["attention_mask"], state);
        }

        Passes.CompareRows(wanted["logits"], got["logits"], batch["attention_mask"], "logits");
        var (logs, losses) = LabelLogs(batch, got["logits"]);
        Compare.Close(
            [.. losses.Select(i => wanted["label_logprobs"].Floats[i])], [.. losses.Select(i => (float)logs[i])],
            Tolerance, "label_logprobs");
        Assert.Equal(wanted["loss"].Floats[0], -losses.Average(i => logs[i]), Tolerance);
    }

    [Theory]
    [MemberData(nameof(BrainFloat))]
    public void Logits_BrainFloatCheckpoints_EqualTransformers(string name)
    {
        var folder = Fixtures.Folder(name);
        var model = Gemma3Checkpoint.Load(folder);
        var reference = Fixtures.Read(folder, "reference.safetensors");

        // Computed in bfloat16 they are there too, for information.
        var tensor = reference.ContainsKey("logits_float32") ? "logits_float32" : "logits";

        var got = Passes.Run(model, reference["input_ids"]);

        Assert.Equal(WeightPrecision.BF16, model.Precision);
        Passes.CompareRows(reference[tensor], got["logits"], reference["attention_mask"], tensor);
    }

    [Theory]
    [MemberData(nameof(WithLong))]
    public void Logits_TextLongerThanTheWindow_EqualTransformers(string name)
    {
        var folder = Fixtures.Folder(name);
        var reference = Fixtures.Read(folder, "long.safetensors");

        var got = Passes.Run(Gemma3Checkpoint.Load(folder), reference["input_ids"]);

        Compare.Close(reference["logits"].Floats, got["logits"].Floats, Tolerance, "logits");
    }

    [Theory]
    [MemberData(nameof(WithBatch))]
    public void GradientProgram_ReferenceBatch_EqualsTransformers(string name)
    {
        foreach (var rowsAtOnce in (int?[])[null, 20, 7])
        {
            AssertGradients(name, rowsAtOnce);
        }
    }

    private static void AssertGradients(string name, int? rowsAtOnce)
    {
        var folder = Fixtures.Folder(name);
        var model = Gemma3Checkpoint.Load(folder);
        var examples = Fixtures.Examples(folder);
        var gradients = model.Parameters.ToDictionary(
            entry => entry.Key, entry => HostTensor.Zeros(DType.Float32, entry.Value.Shape));
        using var program = new GradientProgram(
            model.Config, model.EmbeddingNormalizer, BatchShape.Of(examples, examples.Length + 1), 2,
            model.Parameters, gradients,
            rowsAtOnce: rowsAtOnce);

        var (loss, answerTokens) = program.Run(examples);

        var expectedLoss = Fixtures.Read(folder, "forward.safetensors")["loss"].Floats[0];
        Assert.Equal(expectedLoss, loss / answerTokens, Tolerance);
        foreach (var (parameter, expected) in Fixtures.Read(folder, "gradients.safetensors"))
        {
            var mean = Array.ConvertAll(gradients[parameter].Floats, value => value / answerTokens);
            Compare.Close(expected.Floats, mean, Tolerance, parameter);
        }
    }

    /// <summary>Log-probability of every next token, [B, S - 1], and which of them the loss is the mean of.</summary>
    private static (double[] Logs, int[] Losses) LabelLogs(Dictionary<string, HostTensor> batch, HostTensor logits)
    {
        var (rows, length) = (batch["labels"].Shape[0], batch["labels"].Shape[1]);
        var width = logits.Shape[^1];
        var logs = new double[rows * (length - 1)];
        var losses = new List<int>();
        for (var i = 0; i < logs.Length; i++)
        {
            var position = (i / (length - 1) * length) + (i % (length - 1));
            var label = batch["labels"].Ints[position + 1];
            if (label != Fixtures.IgnoredLabel)
            {
                var row = logits.Floats.AsSpan(position * width, width);
                var largest = (double)row.ToArray().Max();
                logs[i] = row[label] - largest - Math.Log(row.ToArray().Sum(value => Math.Exp(value - largest)));
                losses.Add(i);
            }
        }

        return (logs, [.. losses]);
    }
}
