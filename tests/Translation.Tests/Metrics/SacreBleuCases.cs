using System.Text.Json;
using Workflows.TestKit;
using Workflows.Translation.Metrics;

namespace Workflows.Translation.Tests.Metrics;

/// <summary>Reads the reference scores and the texts that they are of.</summary>
internal static class SacreBleuCases
{
    public static (string[] Hypotheses, IReadOnlyList<IReadOnlyList<string?>> References) Texts(JsonElement given)
    {
        var set = given.GetProperty("set").GetString()!;
        if (Fixtures.Find("sacrebleu", "text", $"{set}.json") is not null)
        {
            var gap = Fixtures.Json("sacrebleu", "text", $"{set}.json");
            return ([.. Strings(gap.GetProperty("hypotheses"))!],
                [.. gap.GetProperty("references").EnumerateArray().Select(stream => Strings(stream))]);
        }

        var streams = Enumerable.Range(0, given.GetProperty("references").GetInt32())
            .Select(i => (IReadOnlyList<string?>)Lines(set, $"ref{i}"));
        return (Lines(set, given.GetProperty("system").GetString()!), [.. streams]);
    }

    public static string[] Lines(string set, string name) => Fixtures.Lines("sacrebleu", "text", $"{set}.{name}.txt");

    public static TranslationMetric Metric(string metric, JsonElement options) => metric switch
    {
        "bleu" => new Bleu(BleuOptions(options)),
        "ter" => new Ter(TerOptions(options)),
        "chrf" => new Chrf(ChrfOptions(options)),
        _ => throw new ArgumentException($"No metric '{metric}'.", nameof(metric)),
    };

    public static TerOptions TerOptions(JsonElement options) => new()
    {
        Normalized = Flag(options, "normalized"),
        NoPunctuation = Flag(options, "no_punct"),
        AsianSupport = Flag(options, "asian_support"),
        CaseSensitive = Flag(options, "case_sensitive"),
    };

    private static BleuOptions BleuOptions(JsonElement options) => new()
    {
        Tokenizer = Tokenizer(Text(options, "tokenize") ?? "13a"),
        MecabDictionary = Text(options, "tokenize") == "ko-mecab" ? MecabDictionary.Path : null,
        Smoothing = Text(options, "smooth_method") switch
        {
            "floor" => BleuSmoothing.Floor,
            "add-k" => BleuSmoothing.AddK,
            "none" => BleuSmoothing.None,
            "exp" or null => BleuSmoothing.Exponential,
            var other => throw new ArgumentException($"No smoothing '{other}'.", nameof(options)),
        },
        SmoothingValue = options.TryGetProperty("smooth_value", out var value) ? value.GetDouble() : null,
        Lowercase = Flag(options, "lowercase"),
        EffectiveOrder = Flag(options, "effective_order"),
        MaxOrder = Number(options, "max_ngram_order", 4),
    };

    private static ChrfOptions ChrfOptions(JsonElement options) => new()
    {
        CharacterOrder = Number(options, "char_order", 6),
        WordOrder = Number(options, "word_order", 0),
        Beta = Number(options, "beta", 2),
        Lowercase = Flag(options, "lowercase"),
        Whitespace = Flag(options, "whitespace"),
        EpsilonSmoothing = Flag(options, "eps_smoothing"),
    };

    public static BleuTokenizer Tokenizer(string name) => name switch
    {
        "13a" => BleuTokenizer.Mteval13a,
        "char" => BleuTokenizer.Character,
        "none" => BleuTokenizer.None,
        "intl" => BleuTokenizer.International,
        "zh" => BleuTokenizer.Chinese,
        "ko-mecab" => BleuTokenizer.KoreanMecab,
        _ => throw new ArgumentException($"No tokenizer '{name}'.", nameof(name)),
    };

    private static string?[] Strings(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetString())];

    private static string? Text(JsonElement options, string name) =>
        options.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static bool Flag(JsonElement options, string name) =>
        options.TryGetProperty(name, out var value) && value.GetBoolean();

    private static int Number(JsonElement options, string name, int otherwise) =>
        options.TryGetProperty(name, out var value) ? value.GetInt32() : otherwise;
}
