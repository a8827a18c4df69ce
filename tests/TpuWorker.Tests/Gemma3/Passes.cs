using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3;

/// <summary>Forward passes over whole batches, and their comparison where a batch has no padding.</summary>
internal static class Passes
{
    /// <summary>All hidden states and logits of rows padded on the right.</summary>
    public static Dictionary<string, HostTensor> Run(
        Gemma3Checkpoint model, HostTensor tokens, LoraAdapter? adapter = null)
    {
        var size = new GraphSize(tokens.Shape[0], tokens.Shape[1], 0, HasRowMasks: false);
        var graph = new Gemma3Graph(model.Config, size, adapter?.Options);
        var states = graph.HiddenStates(model.EmbeddingNormalizer);

        // The reference's last state is the normed one; the last layer's own result is not among them.
        states.RemoveAt(states.Count - 2);
        for (var i = 0; i < states.Count; i++)
        {
            graph.Graph.Output($"hidden.{i}", states[i]);
        }

        graph.Graph.Output("logits", graph.Logits(states[^1]));
        var parameters = adapter is null ? model.Parameters : model.Parameters.Concat(adapter.Tensors);
        using var pass = new BoundPass(
            new OnnxProgram(graph.Graph, 2), size, model.Config, parameters.ToDictionary());
        var outputs = pass.Program.AllocateOutputs();
        tokens.Ints.CopyTo(pass.Tokens, 0);
        pass.Program.Run();
        return outputs;
    }

    public static HostTensor Logits(Gemma3Checkpoint model, HostTensor tokens, LoraAdapter? adapter = null) =>
        Run(model, tokens, adapter)["logits"];

    public static void CompareRows(HostTensor expected, HostTensor actual, HostTensor mask, string what)
    {
        var width = expected.Shape[^1];
        float[] Unpadded(HostTensor tensor) => [.. tensor.Floats.Where((_, i) => mask.Ints[i / width] == 1)];
        Compare.Close(Unpadded(expected), Unpadded(actual), 1e-4, what);
    }
}
