using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3.Lean;

/// <summary>The tiny model with examples, and today's program of its loss and gradients on the interpreter.</summary>
internal static class LeanCases
{
    public const int DropoutSeed = 12345;

    public static Gemma3Checkpoint Model { get; } =
        Gemma3Checkpoint.CreateRandom(Models.Tiny with { InitializerRange = 0.2 }, 3);

    public static TrainingExample[] Examples(int count, int seed = 4)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            var tokens = Enumerable.Range(0, random.Next(3, 13)).Select(_ => random.Next(1, 96)).ToArray();
            return new TrainingExample(tokens, random.Next(1, tokens.Length));
        })];
    }

    public static LoraOptions Lora(double dropout = 0) => new()
    {
        Rank = 3,
        Dropout = dropout,
        Targets = LoraTargets.Query | LoraTargets.Value | LoraTargets.Output | LoraTargets.Gate | LoraTargets.Down,
    };

    /// <summary>Weights by the names that checkpoints have; an adapter whose both halves are at work.</summary>
    public static Dictionary<string, HostTensor> Weights(LoraOptions? lora)
    {
        var weights = new Dictionary<string, HostTensor>(Model.Parameters);
        var random = new Random(8);
        foreach (var (name, shape) in lora is null ? [] : LoraParameters.All(Model.Config, lora))
        {
            weights.Add(name, new HostTensor(
                shape, [.. Enumerable.Range(0, shape.Count).Select(_ => (random.NextSingle() - 0.5f) * 0.4f)]));
        }

        return weights;
    }

    /// <summary>Stacks taken apart into the weights that they are of, in memory of their own.</summary>
    public static Dictionary<string, HostTensor> Unstack(IEnumerable<KeyValuePair<string, HostTensor>> stacks)
    {
        var weights = new Dictionary<string, HostTensor>(StringComparer.Ordinal);
        foreach (var (name, stack) in stacks)
        {
            LeanParameters.Unstack(name, stack, (key, values) => weights.Add(key, new HostTensor(
                key == name ? stack.Shape : new Shape(stack.Shape.Dimensions[1..]), values.ToArray())));
        }

        return weights;
    }

    public static LeanPlan PlanOf(BatchLayout layout, LoraOptions? lora) => new()
    {
        Batch = layout.Shape.Batch,
        Length = layout.Shape.Length,
        Lora = lora,
        Precision = PrecisionPolicy.Full,
    };

    /// <summary>
    /// Everything that a step of single precision is given but for the optimizer's states and scalars.
    /// </summary>
    public static Dictionary<string, HostTensor> Inputs(LeanPlan plan, params IReadOnlyList<BatchLayout> layouts)
    {
        var inputs = LeanFeed.Of(plan, layouts, [.. layouts.Select((_, i) => DropoutSeed + i)]);
        var weights = Weights(plan.Lora);
        foreach (var (name, _, isTrained) in LeanParameters.All(Model.Config, plan.Lora))
        {
            var ofName = weights.Where(weight => LeanParameters.StackOf(weight.Key) == name);
            var type = isTrained ? plan.Precision.Store : plan.Precision.Frozen;
            inputs.Add(name, LeanParameters.Stack(ofName, type)[name]);
        }

        return inputs;
    }

    /// <summary>The loss and the gradients, stacked, as the program for ONNX Runtime has them.</summary>
    public static Dictionary<string, HostTensor> Reference(BatchLayout layout, LoraOptions? lora)
    {
        var (config, shape) = (Model.Config, layout.Shape);
        var weights = Weights(lora);
        string[] trained = [.. weights.Keys
            .Where(name => lora is null || name.Contains("lora", StringComparison.Ordinal))];
        var graph = GradientProgram.Build(config, Model.EmbeddingNormalizer, shape, trained, lora, 5);
        var inputs = new Dictionary<string, HostTensor>(weights);
        FillPass(layout, inputs);
        var outputs = Interpreter.Run(graph, inputs);
        var gradients = trained.ToDictionary(name => name, name => outputs[GraphInputs.GradientOf(name)]);
        var result = LeanParameters.Stack(gradients);
        var loss = outputs["losses"].Floats.Zip(inputs[GraphInputs.Weights].Floats, (value, weight) => value * weight);
        result.Add(LeanInputs.Loss, new HostTensor(Shape.Scalar, [loss.Sum()]));
        return result;
    }

    private static void FillPass(BatchLayout layout, Dictionary<string, HostTensor> inputs)
    {
        var (config, shape, half) = (Model.Config, layout.Shape, Model.Config.HeadDimension / 2);
        var size = new GraphSize(shape.Batch, shape.Length, 0, shape.IsPacked);
        var tables = new PositionTables(config);
        HostTensor Add(string name, DType type, Shape of)
        {
            var tensor = HostTensor.Zeros(type, of);
            inputs.Add(name, tensor);
            return tensor;
        }

        var tokens = Add(GraphInputs.Tokens, DType.Int32, new Shape(shape.Batch * shape.Length)).Ints;
        var rows = Add(GraphInputs.Rows, DType.Int32, new Shape(shape.Rows)).Ints;
        var labels = Add(GraphInputs.Labels, DType.Int32, new Shape(shape.Rows)).Ints;
        var weights = Add(GraphInputs.Weights, DType.Float32, new Shape(shape.Rows)).Floats;
        inputs.Add(GraphInputs.DropoutSeed, new HostTensor(new Shape(1), [DropoutSeed]));
        var used = 0;
        for (var row = 0; row < layout.Rows.Count; row++)
        {
            var begin = row * shape.Length;
            foreach (var example in layout.Rows[row])
            {
                var text = example.Tokens;
                text.AsSpan(0, text.Length - 1).CopyTo(tokens.AsSpan(begin));
                for (var at = example.PromptLength - 1; at < text.Length - 1; at++, used++)
                {
                    (rows[used], labels[used], weights[used]) = (begin + at, text[at + 1], 1);
                }

                begin += BatchLayout.Positions(example);
            }
        }

        foreach (var isGlobal in new[] { false, true })
        {
            float[] Table(string local, string global, Shape of) =>
                Add(isGlobal ? global : local, DType.Float32, of).Floats;
            var rope = size.RopeShape(config);
            var mask = Table(GraphInputs.LocalMask, GraphInputs.GlobalMask, size.MaskShape);
            var cosines = Table(GraphInputs.LocalCosines, GraphInputs.GlobalCosines, rope);
            var sines = Table(GraphInputs.LocalSines, GraphInputs.GlobalSines, rope);
            Array.Fill(mask, PositionTables.Hidden);
            for (var row = 0; row < shape.Batch; row++)
            {
                int[] texts = shape.IsPacked && row < layout.Rows.Count
                    ? [.. layout.Rows[row].Select(BatchLayout.Positions)] : [shape.Length];
                var begin = 0;
                foreach (var text in texts.Concat(Enumerable.Repeat(1, shape.Length - texts.Sum())))
                {
                    for (var query = 0; query < text; query++)
                    {
                        var at = (row * shape.Length) + begin + query;
                        tables.FillRope(
                            isGlobal, query, cosines.AsSpan(at * half, half), sines.AsSpan(at * half, half));
                        for (var key = 0; key <= query && (shape.IsPacked || row == 0); key++)
                        {
                            mask[(at * shape.Length) + begin + key] =
                                tables.Sees(isGlobal, query, key) ? 0 : PositionTables.Hidden;
                        }
                    }

                    begin += text;
                }
            }
        }
    }
}
