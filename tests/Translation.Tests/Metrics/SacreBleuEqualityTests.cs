using System.Text.Json;
using Workflows.TestKit;
using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

public sealed class SacreBleuEqualityTests
{
    private const double Tolerance = 1e-9;

    [Fact]
    public void ScoreCorpus_EveryReferenceCase_EqualsTheReference()
    {
        var cases = Fixtures.Json("sacrebleu", "cases.json").GetProperty("cases");
        var skipped = new SortedDictionary<string, int>();
        var failures = new List<string>();
        var compared = 0;

        foreach (var given in cases.EnumerateArray())
        {
            if (WhySkipped(given) is { } reason)
            {
                skipped[reason] = skipped.GetValueOrDefault(reason) + 1;
                continue;
            }

            compared++;
            failures.AddRange(Differences(given).Select(difference => $"{Describe(given)}: {difference}"));
        }

        foreach (var (reason, count) in skipped)
        {
            TestContext.Current.SendDiagnosticMessage($"{count} cases skipped: {reason}");
            TestContext.Current.TestOutputHelper?.WriteLine($"{count} cases skipped: {reason}");
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(20)) + $"\n{failures.Count} differences");
        Assert.Equal(cases.GetArrayLength() - skipped.Values.Sum(), compared);
        Assert.True(compared > 0, "no case was compared");
    }

    [Theory]
    [InlineData("13a")]
    [InlineData("char")]
    [InlineData("none")]
    [InlineData("intl")]
    [InlineData("zh")]
    public void Tokenize_EveryReferenceLine_EqualsTheReference(string name)
    {
        var reference = Fixtures.Json("sacrebleu", "tokenizers.json");
        var tokenizer = SacreBleuCases.Tokenizer(name);

        foreach (var (line, expected) in reference.GetProperty("lines").EnumerateArray()
            .Zip(reference.GetProperty("tokenized").GetProperty(name).EnumerateArray()))
        {
            // A line loses its trailing white space before any tokenizer sees it.
            var text = PythonText.TrimEnd(line.GetString()!);
            Assert.Equal(expected.GetString(), BleuTokenization.Tokenize(tokenizer, text));
        }
    }

    [Theory]
    [InlineData("ter", false, false, false, false)]
    [InlineData("ter-normalized", true, false, false, false)]
    [InlineData("ter-nopunct", false, true, false, false)]
    [InlineData("ter-asian", true, false, true, false)]
    [InlineData("ter-all", true, true, true, true)]
    public void TerTokenize_EveryReferenceLine_EqualsTheReference(
        string name, bool normalized, bool noPunctuation, bool asian, bool caseSensitive)
    {
        var reference = Fixtures.Json("sacrebleu", "tokenizers.json");
        var options = new TerOptions
        {
            Normalized = normalized,
            NoPunctuation = noPunctuation,
            AsianSupport = asian,
            CaseSensitive = caseSensitive,
        };

        Assert.All(
            reference.GetProperty("lines").EnumerateArray()
                .Zip(reference.GetProperty("tokenized").GetProperty(name).EnumerateArray()),
            pair => Assert.Equal(pair.Second.GetString(),
                TerTokenization.Tokenize(options, PythonText.TrimEnd(pair.First.GetString()!))));
    }

    private static string? WhySkipped(JsonElement given) =>
        given.GetProperty("options").TryGetProperty("tokenize", out var tokenizer)
            && tokenizer.GetString() == "ko-mecab" ? MecabDictionary.WhyMissing : null;

    private static string Describe(JsonElement given) =>
        $"{given.GetProperty("metric")} {given.GetProperty("options")} {given.GetProperty("set")}."
        + given.GetProperty("system");

    private static List<string> Differences(JsonElement given)
    {
        var (hypotheses, references) = SacreBleuCases.Texts(given);
        var metric = SacreBleuCases.Metric(given.GetProperty("metric").GetString()!, given.GetProperty("options"));
        var score = metric.ScoreCorpus(hypotheses, references);

        var problems = new List<string>();
        Compare(problems, "text", given.GetProperty("text").GetString(), score.Text);
        Compare(problems, "signature", given.GetProperty("signature").GetString(), score.Signature);
        CompareNumber(problems, "score", given.GetProperty("score").GetDouble(), score.Score);
        if (score is BleuScore bleu && given.TryGetProperty("counts", out var counts))
        {
            Compare(problems, "counts", Numbers(counts), string.Join(' ', bleu.Counts));
            Compare(problems, "totals", Numbers(given.GetProperty("totals")), string.Join(' ', bleu.Totals));
            Compare(problems, "sysLen", given.GetProperty("sysLen").GetInt64(), bleu.HypothesisLength);
            Compare(problems, "refLen", given.GetProperty("refLen").GetInt64(), bleu.ReferenceLength);
            CompareNumber(problems, "bp", given.GetProperty("bp").GetDouble(), bleu.BrevityPenalty);
        }

        if (score is TerScore ter && given.TryGetProperty("edits", out var edits))
        {
            Compare(problems, "edits", edits.GetDouble(), ter.Edits);
            Compare(problems, "refLength", given.GetProperty("refLength").GetDouble(), ter.ReferenceLength);
            Compare(problems, "exact score", given.GetProperty("score").GetDouble(), ter.Score);
        }

        if (given.TryGetProperty("sentenceScores", out var sentences))
        {
            var single = SacreBleuCases.Metric(
                given.GetProperty("metric").GetString()!, given.GetProperty("sentenceOptions"));
            var line = 0;
            foreach (var expected in sentences.EnumerateArray())
            {
                var mine = references.Select(stream => stream[line]).OfType<string>().ToArray();
                CompareNumber(problems, $"sentence {line}", expected.GetDouble(),
                    single.ScoreSentence(hypotheses[line], mine).Score);
                line++;
            }
        }

        return problems;
    }

    private static string Numbers(JsonElement array) =>
        string.Join(' ', array.EnumerateArray().Select(number => number.GetDouble()));

    private static void Compare<T>(List<string> problems, string what, T expected, T actual)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            problems.Add($"{what}: expected '{expected}', got '{actual}'");
        }
    }

    private static void CompareNumber(List<string> problems, string what, double expected, double actual)
    {
        if (Math.Abs(expected - actual) > Tolerance)
        {
            problems.Add($"{what}: expected {expected:R}, got {actual:R}");
        }
    }
}
