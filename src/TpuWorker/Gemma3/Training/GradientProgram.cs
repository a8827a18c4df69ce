using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// The compiled loss and gradients of one batch shape. Logits, by far the largest tensors of a pass, are computed only
/// for the positions that predict an answer token, selected by row number.
/// </summary>
internal sealed class GradientProgram : IDisposable
{
    private const string Losses = "losses";
    private readonly BoundPass _pass;
    private readonly HostTensor _losses;
    private readonly HostTensor _dropoutSeed = HostTensor.Zeros(DType.Int32, new Shape(1));

    /// <param name="config">Sizes of the model.</param>
    /// <param name="normalizer">Factor of the embeddings.</param>
    /// <param name="shape">Sizes of the batch.</param>
    /// <param name="threads">Threads of the numeric loops.</param>
    /// <param name="parameters">The model's weights, and the adapter's if there is one; read at each run.</param>
    /// <param name="gradients">
    /// Written at each run; its names are the trained parameters. Empty for the loss only.
    /// </param>
    /// <param name="lora">The adapter's shape; null for none.</param>
    /// <param name="rowsAtOnce">Rows whose scores exist at once; null for a number that suits the vocabulary.</param>
    public GradientProgram(
        Gemma3Config config, float normalizer, BatchShape shape, int threads,
        IReadOnlyDictionary<string, HostTensor> parameters, IReadOnlyDictionary<string, HostTensor> gradients,
        LoraOptions? lora = null, int? rowsAtOnce = null)
    {
        var graph = Build(
            config, normalizer, shape, [.. gradients.Keys], lora, rowsAtOnce ?? AnswerLoss.RowsAtOnce(config));
        var rows = new Shape(shape.Rows);
        _pass = new BoundPass(new OnnxProgram(graph, threads), SizeOf(shape), config, parameters);
        (Rows, Labels) = (HostTensor.Zeros(DType.Int32, rows), HostTensor.Zeros(DType.Int32, rows));
        (Weights, _losses) = (HostTensor.Zeros(DType.Float32, rows), HostTensor.Zeros(DType.Float32, rows));
        _pass.Program.BindInput(GraphInputs.DropoutSeed, _dropoutSeed);
        _pass.Program.BindInput(GraphInputs.Rows, Rows);
        _pass.Program.BindInput(GraphInputs.Labels, Labels);
        _pass.Program.BindInput(GraphInputs.Weights, Weights);
        _pass.Program.BindOutput(Losses, _losses);
        foreach (var (name, gradient) in gradients)
        {
            _pass.Program.BindOutput(GraphInputs.GradientOf(name), gradient);
        }
    }

    private HostTensor Rows { get; }

    private HostTensor Labels { get; }

    private HostTensor Weights { get; }

    /// <summary>Runs the examples, each in a row of its own.</summary>
    public (double LossSum, int AnswerTokens) Run(IReadOnlyList<TrainingExample> examples) =>
        Run(BatchLayout.Alone(examples, _pass.Size.Batch), 0);

    /// <summary>
    /// Runs a batch, writes the sum over its answer tokens to the gradients, and returns the summed loss.
    /// </summary>
    /// <param name="layout">Examples in this program's shape; rows and answers may be fewer.</param>
    /// <param name="dropoutSeed">Seed of the adapter's dropout.</param>
    /// <param name="cancellation">Cancels the run.</param>
    public (double LossSum, int AnswerTokens) Run(
        BatchLayout layout, int dropoutSeed, CancellationToken cancellation = default)
    {
        Array.Clear(_pass.Tokens);
        Array.Clear(Rows.Ints);
        Array.Clear(Labels.Ints);
        Array.Clear(Weights.Floats);
        _dropoutSeed.Ints[0] = dropoutSeed;
        var used = 0;
        for (var row = 0; row < layout.Rows.Count; row++)
        {
            if (layout.Shape.IsPacked)
            {
                _pass.PlaceTexts(row, [.. layout.Rows[row].Select(BatchLayout.Positions)]);
            }

            var begin = row * _pass.Size.Length;
            foreach (var example in layout.Rows[row])
            {
                used = Fill(example, begin, used);
                begin += BatchLayout.Positions(example);
            }
        }

        _pass.Program.Run(cancellation);
        var sum = 0.0;
        for (var i = 0; i < used; i++)
        {
            sum += _losses.Floats[i];
        }

        return (sum, used);
    }

    public void Dispose() => _pass.Dispose();

    private int Fill(TrainingExample example, int begin, int used)
    {
        // The last token predicts nothing.
        var (tokens, prompt) = (example.Tokens, example.PromptLength);
        tokens.AsSpan(0, tokens.Length - 1).CopyTo(_pass.Tokens.AsSpan(begin));
        for (var position = prompt - 1; position < tokens.Length - 1; position++, used++)
        {
            Rows.Ints[used] = begin + position;
            Labels.Ints[used] = tokens[position + 1];
            Weights.Floats[used] = 1;
        }

        return used;
    }

    /// <summary>Builds the losses of the answer rows, and the gradients of their weighted sum.</summary>
    public static Graph Build(
        Gemma3Config config, float normalizer, BatchShape shape, string[] names, LoraOptions? lora, int rowsAtOnce)
    {
        var model = new Gemma3Graph(config, SizeOf(shape), lora) { DropsOut = names.Length > 0 };
        var graph = model.Graph;
        var rows = new Shape(shape.Rows);
        var picked = graph.Gather(
            model.HiddenStates(normalizer)[^1], graph.Input(GraphInputs.Rows, rows, DType.Int32));
        var loss = AnswerLoss.Build(
            model, picked, graph.Input(GraphInputs.Labels, rows, DType.Int32), graph.Input(GraphInputs.Weights, rows),
            rowsAtOnce, names.Contains(Gemma3Parameters.Embedding));
        graph.Output(Losses, loss.Losses);
        if (names.Length == 0)
        {
            return graph;
        }

        var gradients = Autodiff.Gradients(
            [(picked, loss.ByHidden), (model.Parameters[Gemma3Parameters.Embedding], loss.ByEmbedding)],
            [.. names.Select(name => model.Parameters[name])]);
        for (var i = 0; i < names.Length; i++)
        {
            graph.Output(GraphInputs.GradientOf(names[i]), gradients[i]);
        }

        return graph;
    }

    private static GraphSize SizeOf(BatchShape shape) =>
        new(shape.Batch, shape.Length, 0, HasRowMasks: shape.IsPacked);
}
