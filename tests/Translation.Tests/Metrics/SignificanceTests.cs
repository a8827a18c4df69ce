using System.Text.Json;
using Workflows.TestKit;
using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

public sealed class SignificanceTests
{
    [Fact]
    public void NumpyRandom_ReferenceSeed_GivesTheReferenceNumbers()
    {
        var reference = Fixtures.Json("sacrebleu", "significance.json").GetProperty("random");
        var seed = reference.GetProperty("seed").GetUInt64();
        var random = new NumpyRandom(seed);

        Assert.Equal(UInt128.Parse(reference.GetProperty("pcg64State").ToString()), random.State);
        Assert.Equal(UInt128.Parse(reference.GetProperty("pcg64Increment").ToString()), random.Increment);
        foreach (var raw in reference.GetProperty("raw64").EnumerateArray())
        {
            Assert.Equal(ulong.Parse(raw.ToString()), random.NextUInt64());
        }

        random = new NumpyRandom(seed);
        Assert.All(Numbers(reference.GetProperty("choice300x2")), drawn => Assert.Equal(drawn, random.Choice(300)));
        random = new NumpyRandom(seed);
        Assert.All(Numbers(reference.GetProperty("choice7x20")), drawn => Assert.Equal(drawn, random.Choice(7)));
        random = new NumpyRandom(seed);
        Assert.All(Numbers(reference.GetProperty("boolIntegers2x40")),
            drawn => Assert.Equal(drawn == 1, random.NextBoolean()));
    }

    [Fact]
    public void Bootstrap_EveryReferenceCase_EqualsTheReference()
    {
        var reference = Fixtures.Json("sacrebleu", "significance.json").GetProperty("significance");

        foreach (var given in reference.GetProperty("bootstrap").EnumerateArray())
        {
            var set = given.GetProperty("set").GetString()!;
            var metric = Metric(given.GetProperty("signature").GetString()!);
            var result = Significance.Bootstrap(metric,
                SacreBleuCases.Lines(set, given.GetProperty("system").GetString()!),
                SacreBleuCases.Lines(set, "ref0"), given.GetProperty("samples").GetInt32());

            Assert.Equal(given.GetProperty("signature").GetString(), result.Score.Signature);
            Assert.Equal(given.GetProperty("text").GetString(), result.Score.Text);
            AssertClose(given.GetProperty("mean").GetDouble(), result.Mean);
            AssertClose(given.GetProperty("ci").GetDouble(), result.HalfWidth);
        }
    }

    [Fact]
    public void PairedTests_EveryReferenceCase_GiveTheReferencePValue()
    {
        var reference = Fixtures.Json("sacrebleu", "significance.json").GetProperty("significance");

        foreach (var given in reference.GetProperty("paired").EnumerateArray())
        {
            var set = given.GetProperty("set").GetString()!;
            var samples = given.GetProperty("samples").GetInt32();
            var names = given.GetProperty("systems").EnumerateArray()
                .Select(name => name.GetString()!.Replace("Baseline: ", "", StringComparison.Ordinal)).ToArray();
            var references = SacreBleuCases.Lines(set, "ref0");
            var systems = names.Select(name => SacreBleuCases.Lines(set, name == "same" ? names[0] : name)).ToArray();
            foreach (var results in given.GetProperty("results").EnumerateObject())
            {
                var metric = Metric(given.GetProperty("signatures").GetProperty(results.Name).GetString()!);
                for (var i = 1; i < systems.Length; i++)
                {
                    var comparison = given.GetProperty("test").GetString() == "bs"
                        ? Significance.PairedBootstrap(metric, systems[0], systems[i], references, samples)
                        : Significance.PairedApproximateRandomization(
                            metric, systems[0], systems[i], references, samples);

                    var expected = results.Value[i];
                    // The reference sums chrF in single precision, so one or two samples may fall on the other side.
                    var tolerance = results.Name == "BLEU" ? 1e-12 : 2.0 / samples;
                    Assert.Equal(expected.GetProperty("p").GetDouble(), comparison.PValue, tolerance);
                    AssertClose(expected.GetProperty("score").GetDouble(), comparison.System.Score.Score);
                    Assert.Equal(given.GetProperty("signatures").GetProperty(results.Name).GetString(),
                        comparison.System.Score.Signature);
                    Assert.Equal(names[i] == "same", comparison.IsIdentical);
                }
            }
        }
    }

    [Fact]
    public void Verdict_IdenticalOutputs_IsNeverADifference()
    {
        string[] outputs = ["the cat sat on the mat", "a dog ran"];
        string[] references = ["the cat sat on a mat", "the dog ran"];

        var comparison = Significance.PairedBootstrap(new Bleu(), outputs, [.. outputs], references, 100);

        Assert.True(comparison.PValue < 0.05, "the trap that the verdict is for");
        Assert.Equal(ComparisonVerdict.Identical, comparison.Verdict());
    }

    [Fact]
    public void Verdict_MuchBetterOutputs_IsBetterOneWayAndWorseTheOther()
    {
        var references = Enumerable.Range(0, 60).Select(i => $"segment {i} has quite a few words in it").ToArray();
        var bad = references.Select((line, i) => i % 3 == 0 ? line : "nothing like it at all here").ToArray();

        var up = Significance.PairedBootstrap(new Chrf(), bad, references, references, 200);
        var down = Significance.PairedBootstrap(new Chrf(), references, bad, references, 200);

        Assert.Equal(ComparisonVerdict.Better, up.Verdict());
        Assert.Equal(ComparisonVerdict.Worse, down.Verdict());
        Assert.Equal(ComparisonVerdict.NoDifference, up.Verdict(smallestDifference: 101));
    }

    private static TranslationMetric Metric(string signature)
    {
        var fields = signature.Split('|').Select(field => field.Split(':', 2))
            .ToDictionary(field => field[0], field => field[1]);
        return fields.TryGetValue("nw", out var words)
            ? words == "0" ? new Chrf() : Chrf.PlusPlus()
            : new Bleu(new BleuOptions { Tokenizer = SacreBleuCases.Tokenizer(fields["tok"]) });
    }

    private static IEnumerable<int> Numbers(JsonElement rows) => rows.EnumerateArray().SelectMany(
        row => row.ValueKind == JsonValueKind.Array ? row.EnumerateArray() : Enumerable.Repeat(row, 1))
        .Select(number => number.ValueKind switch
        {
            JsonValueKind.True => 1,
            JsonValueKind.False => 0,
            _ => number.GetInt32(),
        });

    private static void AssertClose(double expected, double? actual)
    {
        Assert.NotNull(actual);
        Assert.True(
            Math.Abs(expected - actual.Value) <= 1e-4 * Math.Abs(expected), $"expected {expected}, got {actual}");
    }
}
