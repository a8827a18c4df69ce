using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// A whole training step as one program: forward, loss, backward, clipping and AdamW, with weights and moments that
/// stay in place. Its arguments are named by <see cref="LeanInputs"/> and <see cref="LeanParameters"/>.
/// </summary>
public sealed class LeanStep
{
    private readonly Lazy<StableHloModule> _module;
    private readonly Lazy<GraphCost> _cost;

    private LeanStep(Gemma3Config config, LeanPlan plan, Graph graph)
    {
        (Config, Plan, Graph) = (config, plan, graph);
        _module = new Lazy<StableHloModule>(() => StableHloModule.Lower(
            graph, "training_step", LeanSharding.Over(plan.Devices)));
        _cost = new Lazy<GraphCost>(() => GraphCost.Of(graph));
    }

    /// <summary>Gets the sizes of the model.</summary>
    public Gemma3Config Config { get; }

    /// <summary>Gets the sizes and choices of the step.</summary>
    public LeanPlan Plan { get; }

    /// <summary>Gets the program.</summary>
    public Graph Graph { get; }

    /// <summary>Gets the program as StableHLO, with its list of arguments and results.</summary>
    public StableHloModule Module => _module.Value;

    /// <summary>Gets the work and the memory of the program, counted from the program itself.</summary>
    public GraphCost Cost => _cost.Value;

    /// <summary>Builds a step.</summary>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="batch">Rows.</param>
    /// <param name="length">Positions of a row.</param>
    /// <param name="rank">Rank of an adapter for all linear layers; null trains all weights.</param>
    /// <param name="precision">The element types; null for <see cref="PrecisionPolicy.Mixed"/>.</param>
    /// <returns>The step.</returns>
    /// <exception cref="ModelInputException">A size is out of range.</exception>
    public static LeanStep Build(
        Gemma3Config config, int batch, int length, int? rank = null, PrecisionPolicy? precision = null) =>
        Build(config, new LeanPlan
        {
            Batch = batch,
            Length = length,
            Lora = rank is { } given ? new LoraOptions { Rank = given } : null,
            Precision = precision ?? PrecisionPolicy.Mixed,
        });

    /// <summary>Builds a step.</summary>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="plan">Sizes and choices of the step.</param>
    /// <returns>The step.</returns>
    /// <exception cref="ModelInputException">A size is out of range.</exception>
    public static LeanStep Build(Gemma3Config config, LeanPlan plan)
    {
        plan.Validate();
        var graph = new Graph();
        var (parameters, trained) = Declare(graph, config, plan);
        var (loss, gradients) = Gradients(graph, config, plan, parameters, trained, isMean: true);
        var norm = AdamWGraph.Norm(graph, gradients);
        graph.Output(LeanInputs.Loss, loss);
        graph.Output(LeanInputs.Norm, norm);
        AdamWGraph.Update(
            graph, plan.Optimizer, [.. trained.Select((name, i) => (name, parameters[name], gradients[i]))], norm,
            AdamWGraph.IsFinite(graph, loss, norm));
        return new LeanStep(config, plan, graph);
    }

    /// <summary>Builds only the summed loss and the gradients of the trained weights, under the weights'
    /// names.</summary>
    internal static Graph BuildGradients(Gemma3Config config, LeanPlan plan)
    {
        plan.Validate();
        var graph = new Graph();
        var (parameters, trained) = Declare(graph, config, plan);
        var (lossSum, gradients) = Gradients(graph, config, plan, parameters, trained, isMean: false);
        graph.Output(LeanInputs.Loss, lossSum);
        for (var i = 0; i < trained.Length; i++)
        {
            graph.Output(trained[i], gradients[i]);
        }

        return graph;
    }

    /// <summary>Builds only the summed loss, of one micro-batch, with all weights as inputs.</summary>
    internal static Graph BuildLoss(Gemma3Config config, LeanPlan plan)
    {
        plan.Validate();
        var graph = new Graph();
        var parameters = LeanParameters.All(config, plan.Lora).ToDictionary(
            parameter => parameter.Name,
            parameter => graph.Input(
                parameter.Name, parameter.Shape,
                parameter.IsTrained ? plan.Precision.Store : plan.Precision.Frozen),
            StringComparer.Ordinal);
        var (lossSum, _) = new LeanModel(graph, config, plan, parameters).LossAndGradients(
            DeclareBatch(graph, plan with { MicroBatches = 1 }), []);
        graph.Output(LeanInputs.Loss, lossSum);
        return graph;
    }

    private static (Dictionary<string, Node> Parameters, string[] Trained) Declare(
        Graph graph, Gemma3Config config, LeanPlan plan)
    {
        var parameters = new Dictionary<string, Node>(StringComparer.Ordinal);
        var trained = new List<string>();
        foreach (var (name, shape, isTrained) in LeanParameters.All(config, plan.Lora))
        {
            parameters.Add(name, isTrained
                ? graph.State(name, shape, plan.Precision.Store)
                : graph.Input(name, shape, plan.Precision.Frozen));
            if (isTrained)
            {
                trained.Add(name);
            }
        }

        return (parameters, [.. trained]);
    }

    /// <summary>
    /// Builds the loss and its gradients. The answers' weights are divided by their sum, so no gradient is ever scaled.
    /// That sum is 0 only in a step without answers, whose loss is then NaN and changes nothing.
    /// </summary>
    private static (Node Loss, Node[] Gradients) Gradients(
        Graph graph, Gemma3Config config, LeanPlan plan, Dictionary<string, Node> parameters, string[] trained,
        bool isMean)
    {
        var batch = DeclareBatch(graph, plan);
        if (isMean)
        {
            int[] all = [.. Enumerable.Range(0, batch.Weights.Shape.Rank)];
            var total = graph.Reshape(graph.ReduceSum(batch.Weights, all), Shape.Scalar);
            batch = batch with { Weights = graph.Divide(batch.Weights, total) };
        }

        if (plan.MicroBatches == 1)
        {
            return new LeanModel(graph, config, plan, parameters).LossAndGradients(batch, trained);
        }

        var loop = new ScanBuilder(graph, plan.MicroBatches);
        var body = loop.Body;
        var shared = parameters.ToDictionary(
            parameter => parameter.Key, parameter => loop.Share(parameter.Value), StringComparer.Ordinal);
        var part = new LeanBatch(
            loop.Slice(batch.Tokens), loop.Slice(batch.Positions), loop.Slice(batch.Segments),
            loop.Slice(batch.Answers), loop.Slice(batch.Labels), loop.Slice(batch.Weights),
            loop.Slice(batch.DropoutSeed));
        var loss = loop.Carry(graph.Splat(Shape.Scalar, 0));
        Node[] sums = [.. trained.Select(name => loop.Carry(graph.Splat(parameters[name].Shape, 0)))];
        var (partLoss, parts) = new LeanModel(body, config, plan, shared).LossAndGradients(part, trained);
        loop.Next(loss, body.Add(loss, partLoss));
        for (var i = 0; i < sums.Length; i++)
        {
            loop.Next(sums[i], body.Add(sums[i], body.Convert(parts[i], DType.Float32)));
        }

        return (loop.Final(loss), [.. sums.Select(loop.Final)]);
    }

    private static LeanBatch DeclareBatch(Graph graph, LeanPlan plan)
    {
        var texts = plan.PerMicroBatch(plan.Batch, plan.Length);
        var answers = plan.PerMicroBatch(plan.Batch, plan.AnswerCount);
        return new LeanBatch(
            graph.Input(LeanInputs.Tokens, texts, DType.Int32),
            graph.Input(LeanInputs.Positions, texts, DType.Int32),
            graph.Input(LeanInputs.Segments, texts, DType.Int32),
            graph.Input(LeanInputs.Answers, answers, DType.Int32),
            graph.Input(LeanInputs.Labels, answers, DType.Int32),
            graph.Input(LeanInputs.Weights, answers),
            graph.Input(LeanInputs.DropoutSeed, plan.PerMicroBatch(1), DType.Int32));
    }
}
