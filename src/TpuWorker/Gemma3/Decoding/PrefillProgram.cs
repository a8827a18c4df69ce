using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>A compiled pass over whole prompts: scores after each one's last token, and all keys and values.</summary>
internal sealed class PrefillProgram : IDisposable
{
    private readonly BoundPass _pass;
    private readonly HostTensor _rows;
    private readonly Dictionary<string, HostTensor> _outputs;

    public PrefillProgram(Gemma3Checkpoint model, int batch, int length, int threads)
    {
        var size = new GraphSize(batch, length, 0, HasRowMasks: false);
        var forward = new Gemma3Graph(model.Config, size);
        var rows = new Shape(batch);
        var last = forward.Graph.Gather(
            forward.HiddenStates(model.EmbeddingNormalizer)[^1],
            forward.Graph.Input(GraphInputs.Rows, rows, DType.Int32));
        DecodeStep.NameOutputs(forward, forward.Logits(last));
        _pass = new BoundPass(new OnnxProgram(forward.Graph, threads), size, model.Config, model.Parameters);
        _rows = HostTensor.Zeros(DType.Int32, rows);
        _pass.Program.BindInput(GraphInputs.Rows, _rows);
        _outputs = _pass.Program.AllocateOutputs();
    }

    /// <summary>[B, V].</summary>
    public HostTensor Logits => _outputs[DecodeStep.Logits];

    /// <summary>Runs prompts padded on the right; further rows hold one padding token and are not used.</summary>
    public void Run(IReadOnlyList<int[]> prompts)
    {
        Array.Clear(_pass.Tokens);
        for (var row = 0; row < _pass.Size.Batch; row++)
        {
            var prompt = row < prompts.Count ? prompts[row] : [0];
            prompt.CopyTo(_pass.Tokens, row * _pass.Size.Length);
            _rows.Ints[row] = (row * _pass.Size.Length) + prompt.Length - 1;
        }

        _pass.Program.Run();
    }

    /// <summary>Copies the prompts' keys and values to the front of a step's cache of the same batch.</summary>
    public void CopyCacheTo(DecodeStep step)
    {
        for (var layer = 0; layer < step.LayerCount; layer++)
        {
            KeyValueCache.CopyFront(_outputs[GraphInputs.NewKeys(layer)], step.Keys(layer));
            KeyValueCache.CopyFront(_outputs[GraphInputs.NewValues(layer)], step.Values(layer));
        }
    }

    public void Dispose() => _pass.Dispose();
}
