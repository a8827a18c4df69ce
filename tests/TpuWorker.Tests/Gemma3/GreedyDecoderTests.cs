using System.Text.Json;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class GreedyDecoderTests
{
    public static TheoryData<string> WithGenerated => Fixtures.With("generate.json");

    [Theory]
    [MemberData(nameof(WithGenerated))]
    public void Generate_ReferencePrompts_EqualsTransformersBatchedAndAlone(string name)
    {
        var folder = Fixtures.Folder(name);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "generate.json")));
        using var decoder = new GreedyDecoder(Gemma3Checkpoint.Load(folder), 2);
        var cases = json.RootElement.GetProperty("cases").EnumerateArray().ToArray();
        var options = new DecodeOptions { MaxNewTokens = json.RootElement.GetProperty("maxNewTokens").GetInt32() };

        foreach (var group in cases.GroupBy(c => c.TryGetProperty("eos", out var eos) ? eos.ToString() : ""))
        {
            options.StopTokens = group.Key.Length == 0 ? null : Ints(group.First().GetProperty("eos"));
            var prompts = group.Select(c => Ints(c.GetProperty("prompt"))).ToArray();
            var wanted = group.Select(c => Ints(c.GetProperty("greedy"))).ToArray();

            Assert.Equal(wanted, decoder.Generate(prompts, options, null, default));
            Assert.Equal(wanted, prompts.Select(prompt => decoder.Generate([prompt], options, null, default)[0]));
        }
    }

    [Fact]
    public void Generate_RowsThatStopApart_EqualsOneByOneAcrossCacheGrowth()
    {
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny with { InitializerRange = 0.2 }, 11);
        var random = new Random(3);
        var prompts = Enumerable.Range(0, 11)
            .Select(i => Enumerable.Range(0, 3 + (i * 5)).Select(_ => random.Next(1, 90)).ToArray()).ToArray();
        var options = new DecodeOptions { MaxNewTokens = 80, StopTokens = [.. Enumerable.Range(0, 4)], BatchSize = 6 };
        using var decoder = new GreedyDecoder(model, 2);
        var counts = new List<int>();

        var together = decoder.Generate(prompts, options, counts.Add, default);

        Assert.Equal(prompts.Select(prompt => decoder.Generate([prompt], options, null, default)[0]), together);
        Assert.Equal(Enumerable.Range(1, 11), counts);
        Assert.True(together.Select(result => result.Length).Distinct().Count() > 1, "no row stopped before another");
    }

    [Fact]
    public void Generate_WithCache_ChoosesWhatAWholePassChooses()
    {
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny with { InitializerRange = 0.2 }, 12);
        var prompt = Enumerable.Range(1, 30).Select(i => i * 7 % 90).ToArray();
        var options = new DecodeOptions { MaxNewTokens = 40, StopTokens = [] };
        using var decoder = new GreedyDecoder(model, 2);

        var cached = decoder.Generate([prompt], options, null, default)[0];

        options.MaxNewTokens = 1;
        for (var i = 0; i < cached.Length; i++)
        {
            Assert.Equal(cached[i], decoder.Generate([[.. prompt, .. cached[..i]]], options, null, default)[0][0]);
        }
    }

    [Fact]
    public void Generate_BadPrompts_AreRefused()
    {
        using var decoder = new GreedyDecoder(Gemma3Checkpoint.CreateRandom(Models.Tiny, 1), 1);
        int[][] bad = [[], [Models.Tiny.VocabularySize], [-1], new int[Models.Tiny.MaxPositions]];

        Assert.All(bad, prompt => Assert.Throws<ModelInputException>(
            () => decoder.Generate([[1], prompt], new DecodeOptions(), null, default)));
        Assert.Empty(decoder.Generate([], new DecodeOptions(), null, default));
    }

    [Fact]
    public void Generate_DamagedWeights_SayWhichPrompt()
    {
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny, 1);
        model.Parameters["model.norm.weight"].Floats[0] = float.NaN;
        using var decoder = new GreedyDecoder(model, 1);

        var fault = Assert.Throws<NonFiniteOutputException>(
            () => decoder.Generate([[2, 3, 4]], new DecodeOptions(), null, default));

        Assert.Equal((0, 2), (fault.Prompt, fault.Position));
    }

    [Fact]
    public void Generate_Cancelled_Stops()
    {
        using var decoder = new GreedyDecoder(Gemma3Checkpoint.CreateRandom(Models.Tiny, 1), 1);

        Assert.Throws<OperationCanceledException>(
            () => decoder.Generate([[1]], new DecodeOptions(), null, new CancellationToken(canceled: true)));
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(token => token.GetInt32())];
}
