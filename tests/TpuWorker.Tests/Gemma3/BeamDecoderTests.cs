using System.Globalization;
using System.Text.Json;
using Workflows.TpuWorker.Gemma3;
using Workflows.TpuWorker.Gemma3.Decoding;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class BeamDecoderTests
{
    public static TheoryData<string> WithGenerated => Fixtures.With("generate.json");

    [Theory]
    [MemberData(nameof(WithGenerated))]
    public void Generate_ReferencePrompts_EqualsTransformersTokensAndScores(string name)
    {
        var folder = Fixtures.Folder(name);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "generate.json")));
        using var decoder = new BeamDecoder(Gemma3Checkpoint.Load(folder), 2);
        var compared = 0;
        foreach (var reference in json.RootElement.GetProperty("cases").EnumerateArray())
        {
            foreach (var beams in reference.EnumerateObject().Where(p => p.Name.StartsWith("beam", default)))
            {
                var (size, penalty) = Parse(beams.Name);
                var options = new DecodeOptions
                {
                    MaxNewTokens = json.RootElement.GetProperty("maxNewTokens").GetInt32(),
                    StopTokens = Ints(reference.TryGetProperty("eos", out var eos)
                        ? eos
                        : json.RootElement.GetProperty("eos")),
                    BeamSize = size,
                    LengthPenalty = penalty,
                };

                var got = decoder.Generate([Ints(reference.GetProperty("prompt"))], options, null, default)[0];

                AssertBeams(beams.Value, got, [0, .. options.StopTokens]);
                compared++;
            }
        }

        Assert.True(compared > 0, "no case has beams");
    }

    [Fact]
    public void Generate_ManyPrompts_EqualsOneByOne()
    {
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny with { InitializerRange = 0.2 }, 21);
        var random = new Random(4);
        var prompts = Enumerable.Range(0, 7)
            .Select(i => Enumerable.Range(0, 3 + (i * 4)).Select(_ => random.Next(1, 90)).ToArray()).ToArray();
        var options = new DecodeOptions
        {
            MaxNewTokens = 70,
            StopTokens = [.. Enumerable.Range(0, 9)],
            BatchSize = 12,
            BeamSize = 3,
        };
        using var decoder = new BeamDecoder(model, 2);
        var counts = new List<int>();

        var together = decoder.Generate(prompts, options, counts.Add, default);

        for (var i = 0; i < prompts.Length; i++)
        {
            var alone = decoder.Generate([prompts[i]], options, null, default)[0];
            Assert.Equal(alone.Select(beam => beam.Tokens), together[i].Select(beam => beam.Tokens));
        }

        Assert.Equal(Enumerable.Range(1, 7), counts);
    }

    [Fact]
    public void Generate_OneBeam_EqualsGreedy()
    {
        var model = Gemma3Checkpoint.CreateRandom(Models.Tiny with { InitializerRange = 0.2 }, 22);
        var options = new DecodeOptions { MaxNewTokens = 20, StopTokens = [7] };
        using var beams = new BeamDecoder(model, 1);
        using var greedy = new GreedyDecoder(model, 1);

        var found = beams.Generate([[2, 9, 31]], options, null, default)[0];

        Assert.Equal(greedy.Generate([[2, 9, 31]], options, null, default)[0], Assert.Single(found).Tokens);
    }

    [Fact]
    public void Generate_BadOptions_AreRefused()
    {
        using var decoder = new BeamDecoder(Gemma3Checkpoint.CreateRandom(Models.Tiny, 1), 1);
        DecodeOptions[] bad =
            [new() { BeamSize = 0 }, new() { LengthPenalty = double.NaN }, new() { MaxNewTokens = 0 }];

        Assert.All(bad, options => Assert.Throws<ModelInputException>(
            () => decoder.Generate([[1]], options, null, default)));
    }

    private static void AssertBeams(JsonElement wanted, ScoredText[] got, int[] paddings)
    {
        Assert.Equal(wanted.GetArrayLength(), got.Length);
        foreach (var (rank, beam) in wanted.EnumerateArray().Index())
        {
            var tokens = Ints(beam.GetProperty("tokens"));

            // Padded behind its end: with the padding token or, where that is 0, transformers takes the end token.
            Assert.Equal(tokens[..got[rank].Tokens.Length], got[rank].Tokens);
            Assert.All(tokens[got[rank].Tokens.Length..], token => Assert.Contains(token, paddings));
            Assert.Equal(beam.GetProperty("score").GetDouble(), got[rank].Score, 1e-3);
        }
    }

    /// <summary>A name such as "beam4_lp0.6".</summary>
    private static (int Size, double Penalty) Parse(string name)
    {
        var parts = name["beam".Length..].Split("_lp");
        var invariant = CultureInfo.InvariantCulture;
        return (int.Parse(parts[0], invariant), double.Parse(parts[1], invariant));
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(token => token.GetInt32())];
}
