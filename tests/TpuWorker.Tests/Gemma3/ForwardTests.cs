using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class ForwardTests
{
    private const double Tolerance = 1e-4;

    [Theory]
    [InlineData("small")]
    [InlineData("scaled")]
    [InlineData("mqa")]
    public void HiddenStates_ReferenceBatch_EqualTransformers(string name)
    {
        var folder = Fixtures.Folder(name);
        var model = Gemma3Checkpoint.Load(folder);
        var batch = Fixtures.Read(folder, "batch.safetensors");
        var wanted = Fixtures.Read(folder, "forward.safetensors");

        var got = Run(model, batch["input_ids"]);

        for (var layer = 0; layer <= model.Config.LayerCount; layer++)
        {
            CompareRows(wanted[$"hidden.{layer}"], got[$"hidden.{layer}"], batch["attention_mask"], $"hidden.{layer}");
        }

        CompareRows(wanted["logits"], got["logits"], batch["attention_mask"], "logits");
    }

    [Theory]
    [InlineData("bf16", "logits_float32")]
    [InlineData("multimodal-sharded", "logits")]
    public void Logits_BrainFloatCheckpoints_EqualTransformers(string name, string tensor)
    {
        var folder = Fixtures.Folder(name);
        var model = Gemma3Checkpoint.Load(folder);
        var reference = Fixtures.Read(folder, "reference.safetensors");

        var got = Run(model, reference["input_ids"]);

        Assert.Equal(WeightPrecision.BF16, model.Precision);
        CompareRows(reference[tensor], got["logits"], reference["attention_mask"], tensor);
    }

    [Theory]
    [InlineData("small")]
    [InlineData("scaled")]
    [InlineData("mqa")]
    public void Logits_TextLongerThanTheWindow_EqualTransformers(string name)
    {
        var folder = Fixtures.Folder(name);
        var reference = Fixtures.Read(folder, "long.safetensors");

        var got = Run(Gemma3Checkpoint.Load(folder), reference["input_ids"]);

        Compare.Close(reference["logits"].Floats, got["logits"].Floats, Tolerance, "logits");
    }

    [Theory]
    [InlineData("small")]
    [InlineData("scaled")]
    [InlineData("mqa")]
    public void GradientProgram_ReferenceBatch_EqualsTransformers(string name)
    {
        var folder = Fixtures.Folder(name);
        var model = Gemma3Checkpoint.Load(folder);
        var examples = Fixtures.Examples(folder);
        var gradients = model.Parameters.ToDictionary(
            entry => entry.Key, entry => HostTensor.Zeros(DType.Float32, entry.Value.Shape));
        using var program = new GradientProgram(
            model.Config, model.EmbeddingNormalizer, BatchShape.Of(examples, 4), 2, model.Parameters, gradients);

        var (loss, answerTokens) = program.Run(examples);

        var expectedLoss = Fixtures.Read(folder, "forward.safetensors")["loss"].Floats[0];
        Assert.Equal(expectedLoss, loss / answerTokens, Tolerance);
        foreach (var (parameter, expected) in Fixtures.Read(folder, "gradients.safetensors"))
        {
            var mean = Array.ConvertAll(gradients[parameter].Floats, value => value / answerTokens);
            Compare.Close(expected.Floats, mean, Tolerance, parameter);
        }
    }

    /// <summary>All hidden states and logits of rows padded on the right.</summary>
    private static Dictionary<string, HostTensor> Run(Gemma3Checkpoint model, HostTensor tokens)
    {
        var size = new GraphSize(tokens.Shape[0], tokens.Shape[1], 0, HasRowMasks: false);
        var graph = new Gemma3Graph(model.Config, size);
        var states = graph.HiddenStates(model.EmbeddingNormalizer);

        // The reference's last state is the normed one; the last layer's own result is not among them.
        states.RemoveAt(states.Count - 2);
        for (var i = 0; i < states.Count; i++)
        {
            graph.Graph.Output($"hidden.{i}", states[i]);
        }

        graph.Graph.Output("logits", graph.Logits(states[^1]));
        using var pass = new BoundPass(new OnnxProgram(graph.Graph, 2), size, model.Config, model.Parameters);
        var outputs = pass.Program.AllocateOutputs();
        tokens.Ints.CopyTo(pass.Tokens, 0);
        pass.Program.Run();
        return outputs;
    }

    private static void CompareRows(HostTensor expected, HostTensor actual, HostTensor mask, string what)
    {
        var width = expected.Shape[^1];
        float[] Unpadded(HostTensor tensor) => [.. tensor.Floats.Where((_, i) => mask.Ints[i / width] == 1)];
        Compare.Close(Unpadded(expected), Unpadded(actual), Tolerance, what);
    }
}
