using Workflows.Pjrt.Tests;
using Workflows.TestKit;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Pjrt.Programs;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3.Lean;

public sealed class LeanStepTests
{
    /// <summary>Of the largest element of each tensor.</summary>
    private const double Tolerance = 1e-4;

    [Theory]
    [InlineData(false, false, true, null)]
    [InlineData(true, false, true, 7)]
    [InlineData(true, false, false, 4)]
    [InlineData(false, true, true, 6)]
    [InlineData(true, true, false, null)]
    public void Gradients_TinyModel_EqualTheProgramForOnnx(bool packed, bool adapter, bool recompute, int? chunkRows)
    {
        var lora = adapter ? LeanCases.Lora(dropout: 0.3) : null;
        var layout = Layout(packed);
        var plan = LeanCases.PlanOf(layout, lora) with { Recompute = recompute, ChunkRows = chunkRows };

        var actual = Interpreter.Run(
            LeanStep.BuildGradients(LeanCases.Model.Config, plan), LeanCases.Inputs(plan, layout));

        CompareAll(LeanCases.Reference(layout, lora), actual);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Gradients_ThroughThePlugin_EqualTheProgramForOnnx(bool packed, bool adapter)
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        var lora = adapter ? LeanCases.Lora(dropout: 0.3) : null;
        var layout = Layout(packed);
        var plan = LeanCases.PlanOf(layout, lora) with { ChunkRows = 8 };

        using var program = PjrtProgram.Compile(client, LeanStep.BuildGradients(LeanCases.Model.Config, plan));
        var actual = program.Run(LeanCases.Inputs(plan, layout));

        CompareAll(LeanCases.Reference(layout, lora), actual);
    }

    [Fact]
    public void Gradients_TwoMicroBatches_AreThoseOfBothTogether()
    {
        var examples = LeanCases.Examples(6);
        var (first, second) = (BatchLayout.Alone(examples[..3], 3), BatchLayout.Alone(examples[3..], 3));
        var plan = LeanCases.PlanOf(first, null) with
        {
            MicroBatches = 2,
            Length = Math.Max(first.Shape.Length, second.Shape.Length),
        };
        var whole = BatchLayout.Alone(examples, 6);

        var actual = Interpreter.Run(
            LeanStep.BuildGradients(LeanCases.Model.Config, plan), LeanCases.Inputs(plan, first, second));

        CompareAll(LeanCases.Reference(whole, null), actual);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Step_TinyModel_MovesWeightsAsAdamWDoes(bool adapter)
    {
        var lora = adapter ? LeanCases.Lora() : null;
        var layout = Layout(packed: true);
        var step = LeanStep.Build(LeanCases.Model.Config, PlanWithDecay(layout, lora));
        var inputs = StepInputs(step, layout);

        var outputs = Interpreter.Run(step.Graph, inputs);

        CompareWithAdamW(step, layout, outputs);
    }

    [Fact]
    public async Task Step_ThroughThePlugin_MovesWeightsAsAdamWDoesInTheirOwnMemory()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        var layout = Layout(packed: true);
        var step = LeanStep.Build(LeanCases.Model.Config, PlanWithDecay(layout, null));
        using var program = PjrtProgram.Compile(client, step.Module);

        var outputs = program.Run(StepInputs(step, layout));

        CompareWithAdamW(step, layout, outputs);
        Assert.Equal(step.Module.DonatedBytes, program.Executable.Executable.ReadMemory()!.Aliased);
        Assert.Equal(step.Cost.DonatedBytes, step.Module.DonatedBytes);
        Assert.Equal(step.Cost.ArgumentBytes, step.Module.ArgumentBytes);
    }

    [Fact]
    public async Task Steps_ThroughThePlugin_GiveTheLossesOfTheTrainerForOnnx()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        var examples = LeanCases.Examples(5);
        var options = new FineTuneOptions
        {
            Steps = 12,
            BatchSize = 5,
            LearningRate = 0.01,
            WarmupSteps = 3,
            WeightDecay = 0.1,
            Threads = 1,
        };
        using var temporary = new TemporaryFolder();
        using var tuner = new FineTuner(LeanCases.Model, options, examples);
        var expected = new List<double>();
        tuner.Run(temporary["run"], progress => expected.Add(progress.Loss), default);

        var layout = BatchLayout.Alone(examples, 5);
        var step = LeanStep.Build(
            LeanCases.Model.Config, LeanCases.PlanOf(layout, null) with { Optimizer = options, ChunkRows = 8 });
        using var program = PjrtProgram.Compile(client, step.Module);
        var inputs = StepInputs(step, layout);
        var actual = new List<double>();
        for (var number = 0; number < options.Steps; number++)
        {
            SetRates(inputs, options, number);
            var outputs = program.Run(inputs);
            actual.Add(outputs[LeanInputs.Loss].Floats[0]);
            foreach (var state in step.Graph.Updates.Values)
            {
                inputs[state] = outputs[state];
            }
        }

        Assert.True(expected[^1] < expected[0] * 0.8, "nothing was learned");
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-3 * pair.First));
    }

    [Fact]
    public void Step_LossThatIsNotFinite_LeavesEveryStateAsItWas()
    {
        var layout = Layout(packed: false);
        var step = LeanStep.Build(LeanCases.Model.Config, PlanWithDecay(layout, null));
        var inputs = StepInputs(step, layout);
        inputs["model.norm.weight"].Floats[3] = float.PositiveInfinity;

        var outputs = Interpreter.Run(step.Graph, inputs);

        Assert.False(float.IsFinite(outputs[LeanInputs.Loss].Floats[0]));
        Assert.All(step.Graph.Updates.Values, state => Assert.Equal(inputs[state].Floats, outputs[state].Floats));
    }

    [Fact]
    public void Step_HalfFloats_LearnsWhatSinglePrecisionLearns()
    {
        var layout = Layout(packed: true);
        var single = LeanCases.PlanOf(layout, null);
        var half = single with { Precision = PrecisionPolicy.Mixed };

        var expected = Interpreter.Run(
            LeanStep.BuildGradients(LeanCases.Model.Config, single), LeanCases.Inputs(single, layout));
        var actual = Interpreter.Run(
            LeanStep.BuildGradients(LeanCases.Model.Config, half), LeanCases.Inputs(half, layout));

        // Eight bits of fraction through three layers and back: a few per cent of the largest, not more.
        foreach (var (name, tensor) in expected)
        {
            Assert.InRange(Compare.RelativeError(tensor.Floats, actual[name].Floats), 0, 0.08);
        }

        Assert.NotEqual(expected[LeanInputs.Loss].Floats[0], actual[LeanInputs.Loss].Floats[0]);
    }

    [Fact]
    public void Cost_LargerVocabulary_CountsEveryRoundOfEveryLoop()
    {
        var config = Models.Tiny;
        var plan = new LeanPlan { Batch = 2, Length = 8, Precision = PrecisionPolicy.Full, ChunkRows = 4 };

        var cost = LeanStep.Build(config, plan).Cost;
        var kept = LeanStep.Build(config, plan with { Recompute = false }).Cost;

        // By hand: products of a layer's weights and attention, three times (four with recomputation), the loss three
        // times, the picking of answers three times.
        var positions = 2 * 8L;
        var linear = 24 * ((32 * 2) + (16 * 2)) + (3L * 24 * 40);
        var attention = 2 * 4 * 8 * 8 * 8 * 2L;
        var layer = 2 * ((positions * linear) + attention);
        var loss = 3 * 2 * positions * 96 * 24;
        var picking = 2 * 2 * (2 * 8 * 8 * 24L);
        Assert.Equal((3 * 3 * layer) + loss + picking, kept.ProductFlops);
        Assert.InRange(cost.ProductFlops - kept.ProductFlops, 1, 3 * layer);
    }

    [Fact]
    public void Build_SizesThatCannotBe_AreRefusedByName()
    {
        var plan = new LeanPlan { Batch = 2, Length = 8 };
        (LeanPlan Plan, string Name)[] wrong =
        [
            (plan with { Batch = 0 }, "Batch"), (plan with { Length = 0 }, "Length"),
            (plan with { Answers = 9 }, "Answers"), (plan with { Answers = 0 }, "Answers"),
            (plan with { MicroBatches = 0 }, "MicroBatches"), (plan with { ChunkRows = 0 }, "ChunkRows"),
            (plan with { Lora = new LoraOptions { Rank = 0 } }, "Rank"),
            (plan with { Precision = PrecisionPolicy.Full with { Compute = DType.Int32 } }, "Compute"),
            (plan with { Batch = 1 << 20, Length = 1 << 20 }, "Batch"),
        ];

        Assert.All(wrong, item => Assert.Contains(
            item.Name, Assert.Throws<ModelInputException>(() => LeanStep.Build(Models.Tiny, item.Plan)).Message,
            StringComparison.Ordinal));
    }

    [Fact]
    public void Feed_ExamplesThatDoNotFit_AreRefused()
    {
        var layout = Layout(packed: false);
        var plan = LeanCases.PlanOf(layout, null);

        Assert.Throws<ModelInputException>(() => LeanFeed.Of(plan with { Length = 4 }, [layout], [0]));
        Assert.Throws<ModelInputException>(() => LeanFeed.Of(plan with { Answers = 1 }, [layout], [0]));
        Assert.Throws<ModelInputException>(() => LeanFeed.Of(plan with { Batch = 1 }, [layout], [0]));
        Assert.Throws<ModelInputException>(() => LeanFeed.Of(plan, [layout, layout], [0, 0]));
    }

    [Fact]
    public void Stack_AndUnstack_GiveTheSameWeights()
    {
        var weights = LeanCases.Weights(LeanCases.Lora());

        var back = LeanCases.Unstack(LeanParameters.Stack(weights));

        Assert.Equal(weights.Keys.Order(), back.Keys.Order());
        Assert.All(weights, weight => Assert.Equal(weight.Value.Floats, back[weight.Key].Floats));
    }

    private static BatchLayout Layout(bool packed) => packed
        ? BatchLayout.Packed(LeanCases.Examples(4)) : BatchLayout.Alone(LeanCases.Examples(3), 3);

    private static LeanPlan PlanWithDecay(BatchLayout layout, LoraOptions? lora) => LeanCases.PlanOf(layout, lora) with
    {
        ChunkRows = 8,
        Optimizer = new FineTuneOptions { WeightDecay = 0.1, MaxGradientNorm = 0.3, LearningRate = 0.01, Threads = 1 },
    };

    private static Dictionary<string, HostTensor> StepInputs(LeanStep step, BatchLayout layout)
    {
        var inputs = LeanCases.Inputs(step.Plan, layout);
        foreach (var (state, name) in step.Graph.Updates)
        {
            inputs.TryAdd(name, HostTensor.Zeros(state.DType, state.Shape));
        }

        SetRates(inputs, step.Plan.Optimizer, 0);
        return inputs;
    }

    /// <summary>What a host computes for a step, numbered from 0.</summary>
    private static void SetRates(Dictionary<string, HostTensor> inputs, FineTuneOptions options, int step)
    {
        void Set(string name, double value) => inputs[name] = new HostTensor(Shape.Scalar, [(float)value]);
        var rate = LearningRateSchedule.At(options, step);
        Set(LeanInputs.LearningRate, rate);
        Set(LeanInputs.Rate, rate / (1 - Math.Pow(options.Beta1, step + 1)));
        Set(LeanInputs.RootCorrection, 1 / Math.Sqrt(1 - Math.Pow(options.Beta2, step + 1)));
    }

    private static void CompareWithAdamW(LeanStep step, BatchLayout layout, Dictionary<string, HostTensor> outputs)
    {
        var reference = LeanCases.Reference(layout, step.Plan.Lora);
        reference.Remove(LeanInputs.Loss, out var lossSum);
        var gradients = LeanCases.Unstack(reference);
        var weights = LeanCases.Unstack(LeanParameters.Stack(
            LeanCases.Weights(step.Plan.Lora).Where(weight => gradients.ContainsKey(weight.Key))));
        var answers = layout.Rows.SelectMany(row => row).Sum(example => example.Tokens.Length - example.PromptLength);
        var optimizer = new AdamW(step.Plan.Optimizer, weights, gradients);
        var norm = optimizer.GradientNorm() / answers;
        var clip = Math.Min(1, step.Plan.Optimizer.MaxGradientNorm / (norm + 1e-6));
        optimizer.Step(1, step.Plan.Optimizer.LearningRate, clip / answers);

        Assert.True(clip < 1, "nothing was clipped");
        Compare.Close(lossSum!.Floats[0] / answers, outputs[LeanInputs.Loss].Floats[0], Tolerance, "loss");
        Compare.Close(norm, outputs[LeanInputs.Norm].Floats[0], Tolerance, "norm");
        foreach (var (name, first) in LeanParameters.Stack(optimizer.FirstMoments))
        {
            Compare.Close(first.Floats, outputs[LeanInputs.FirstMomentOf(name)].Floats, Tolerance, $"first of {name}");
        }

        foreach (var (name, second) in LeanParameters.Stack(optimizer.SecondMoments))
        {
            Compare.Close(
                second.Floats, outputs[LeanInputs.SecondMomentOf(name)].Floats, 2 * Tolerance, $"second of {name}");
        }

        // The first step moves by the sign of the gradient alone, so an element without one moves by its rounding.
        foreach (var (name, weight) in LeanParameters.Stack(weights))
        {
            var apart = Compare.CountApart(weight.Floats, outputs[name].Floats, Tolerance * 10);
            Assert.True(apart <= weight.Floats.Length / 200, $"{name}: {apart} of {weight.Floats.Length} are apart");
        }
    }

    private static void CompareAll(Dictionary<string, HostTensor> expected, Dictionary<string, HostTensor> actual)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach (var (name, tensor) in expected)
        {
            Compare.Close(tensor.Floats, actual[name].Floats, Tolerance, name);
        }
    }
}
