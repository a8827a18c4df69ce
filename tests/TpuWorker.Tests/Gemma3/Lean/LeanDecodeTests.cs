using Workflows.Pjrt.Tests;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Pjrt.Programs;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Tests.Gemma3.Lean;

public sealed class LeanDecodeTests
{
    private const int Launch = 3;

    private static DecodePlan Plan(LoraOptions? lora) => new()
    {
        Batch = 3,
        PromptLength = 9,
        NewTokens = 12,
        LaunchTokens = Launch,
        Candidates = 2,
        Lora = lora,
        Precision = PrecisionPolicy.Full,
    };

    private static int[][] Prompts { get; } = [[2, 17, 40, 33, 9, 71, 22, 54, 61], [2, 31, 8], [2, 90, 12, 77, 45, 6]];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Launches_OnTheInterpreter_GiveWhatTheDecoderForOnnxGives(bool adapter)
    {
        var lora = adapter ? LeanCases.Lora() : null;
        var decode = LeanDecode.Build(LeanCases.Model.Config, Plan(lora));

        var (tokens, probabilities) = Decode(
            Plan(lora), inputs => Interpreter.Run(decode.PrefillGraph, inputs),
            inputs => Interpreter.Run(decode.LaunchGraph, inputs));

        Assert.Equal(Expected(lora), tokens);
        Assert.All(probabilities, value => Assert.InRange(value, -20, 0));
    }

    [Fact]
    public async Task Launches_ThroughThePlugin_GiveWhatTheDecoderForOnnxGives()
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        var decode = LeanDecode.Build(LeanCases.Model.Config, Plan(LeanCases.Lora()));
        using var prefill = PjrtProgram.Compile(client, decode.Prefill);
        using var launch = PjrtProgram.Compile(client, decode.Launch);

        var (tokens, _) = Decode(
            Plan(LeanCases.Lora()),
            inputs => prefill.Run(inputs), inputs => launch.Run(inputs));

        Assert.Equal(Expected(LeanCases.Lora()), tokens);
        Assert.Equal(decode.Launch.DonatedBytes, launch.Executable.Executable.ReadMemory()!.Aliased);
    }

    [Fact]
    public void Build_SizesThatCannotBe_AreRefusedByName()
    {
        var plan = Plan(null);
        (DecodePlan Plan, string Name)[] wrong =
        [
            (plan with { Batch = 0 }, "Batch"), (plan with { PromptLength = 0 }, "PromptLength"),
            (plan with { NewTokens = 0 }, "NewTokens"), (plan with { LaunchTokens = 13 }, "LaunchTokens"),
            (plan with { Candidates = 97 }, "Candidates"),
        ];

        Assert.All(wrong, item => Assert.Contains(
            item.Name, Assert.Throws<ModelInputException>(() => LeanDecode.Build(Models.Tiny, item.Plan)).Message,
            StringComparison.Ordinal));
    }

    /// <summary>
    /// The tokens of each row up to its end, as the decoder for ONNX Runtime gives them for the merged model.
    /// </summary>
    private static int[][] Expected(LoraOptions? lora)
    {
        var model = LeanCases.Model;
        if (lora is not null)
        {
            var tensors = LeanCases.Weights(lora)
                .Where(weight => weight.Key.Contains(".lora_", StringComparison.Ordinal));
            model = new LoraAdapter(lora, tensors.ToDictionary()).Merge(model);
        }

        using var decoder = new GreedyDecoder(model, 1);
        return decoder.Generate(Prompts, new DecodeOptions { MaxNewTokens = 12 }, null, default);
    }

    private static (int[][] Tokens, List<float> Probabilities) Decode(
        DecodePlan plan, Func<Dictionary<string, HostTensor>, Dictionary<string, HostTensor>> prefill,
        Func<Dictionary<string, HostTensor>, Dictionary<string, HostTensor>> launch)
    {
        var inputs = LeanParameters.Stack(LeanCases.Weights(plan.Lora));
        var prompts = HostTensor.Zeros(DType.Int32, new Shape(plan.Batch, plan.PromptLength));
        for (var row = 0; row < plan.Batch; row++)
        {
            Prompts[row].CopyTo(prompts.Ints, row * plan.PromptLength);
        }

        inputs.Add(LeanDecode.Prompts, prompts);
        inputs.Add(LeanDecode.Lengths, new HostTensor(new Shape(plan.Batch), [.. Prompts.Select(text => text.Length)]));
        var state = prefill(inputs);
        var ends = LeanCases.Model.Config.EndTokens;
        List<int>[] rows = [.. Enumerable.Range(0, plan.Batch).Select(_ => new List<int>())];
        int[] first = [.. rows.Select((_, row) => state[LeanDecode.Candidates].Ints[row * plan.Candidates])];
        var probabilities = new List<float>(state[LeanDecode.LogProbabilities].Floats);
        Take(rows, first, ends);
        state[LeanDecode.Tokens] = new HostTensor(new Shape(plan.Batch), first);
        state[LeanDecode.Ended] = HostTensor.OfBool(
            new Shape(plan.Batch), [.. first.Select(token => ends.Contains(token))]);
        state[LeanDecode.Count] = HostTensor.Zeros(DType.Int32, Shape.Scalar);
        for (var count = 1; count < plan.NewTokens; count += Launch)
        {
            foreach (var (name, tensor) in state)
            {
                inputs[name] = tensor;
            }

            state = launch(inputs);
            probabilities.AddRange(state[LeanDecode.LogProbabilities].Floats);
            for (var step = 0; step < Launch; step++)
            {
                Take(rows, [.. rows.Select((_, row) => state[LeanDecode.Candidates].Ints[
                    ((step * plan.Batch) + row) * plan.Candidates])], ends);
            }
        }

        return ([.. rows.Select(row => row.Take(plan.NewTokens).ToArray())], probabilities);
    }

    private static void Take(List<int>[] rows, int[] tokens, IReadOnlyList<int> ends)
    {
        for (var row = 0; row < rows.Length; row++)
        {
            if (rows[row].Count == 0 || !ends.Contains(rows[row][^1]))
            {
                rows[row].Add(tokens[row]);
            }
        }
    }
}
