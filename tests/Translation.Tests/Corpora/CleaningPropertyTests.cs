using Workflows.TestKit;
using Workflows.Translation.Corpora;

namespace Workflows.Translation.Tests.Corpora;

/// <summary>What holds for cleaning, splitting and leaks whatever the pairs are.</summary>
public sealed class CleaningPropertyTests
{
    private static readonly string[] Korean =
        ["방이 있나요?", "방이 있나요", "방이  있나요?", "방 이 있나요?", "열쇠.", "\u1107\u1161\u11BC이 있나요?", "방이 있나요？", "네"];

    private static readonly string[] English =
        ["A room?", "a room?", "A  room?", "A room", "Ａ room?", "The key.", "Yes", "“Yes”", "\"Yes\""];

    [Fact]
    public void Clean_RandomPairs_KeepsTheFirstOfEachSourceInOrder() => Seeds.Try(200, random =>
    {
        var pairs = Pairs(random);
        var rule = (DuplicateSourceRule)random.Next(4);

        var cleaned = CorpusCleaner.Clean(pairs, new CleaningOptions { DuplicateSources = rule });

        // By its definition, over lists: every pair is compared with those that were kept.
        var (kept, seen) = (new List<SentencePair>(), new List<SentencePair>());
        foreach (var pair in pairs)
        {
            var isOld = seen.Any(each => Same(each.Ko, pair.Ko) && Same(each.En, pair.En))
                || (rule is DuplicateSourceRule.RemoveKorean or DuplicateSourceRule.RemoveEither
                    && kept.Any(each => Same(each.Ko, pair.Ko)))
                || (rule is DuplicateSourceRule.RemoveEnglish or DuplicateSourceRule.RemoveEither
                    && kept.Any(each => Same(each.En, pair.En)));
            seen.Add(pair);
            if (!isOld)
            {
                kept.Add(pair);
            }
        }

        Assert.Equal(kept, cleaned.Pairs);
        Assert.Equal(pairs.Count - kept.Count, cleaned.Removed.Values.Sum());
        Assert.Empty(CorpusCleaner.Clean(cleaned.Pairs, new CleaningOptions { DuplicateSources = rule }).Removed);
    });

    /// <summary>A side that shows nothing is no sentence, whatever stands in it.</summary>
    [Theory]
    [InlineData("\u200B")]
    [InlineData("\uFEFF \u200D")]
    [InlineData("\u3164")]
    [InlineData("\u115F\u1160")]
    [InlineData("\uFFA0 \u00AD")]
    [InlineData("\0\u0007")]
    [InlineData("\u3000")]
    [InlineData("\u2060\u180E")]
    public void Clean_SideThatShowsNothing_IsEmpty(string side)
    {
        Assert.Equal(
            CleaningReason.Empty, Assert.Single(CorpusCleaner.Clean([new SentencePair(side, "room")]).Removed).Key);
        Assert.Equal(
            CleaningReason.Empty, Assert.Single(CorpusCleaner.Clean([new SentencePair("방", side)]).Removed).Key);
    }

    [Theory]
    [InlineData("방", "🙂")]
    [InlineData("1,000", "1,000.")]
    [InlineData("ㅋㅋ", "lol")]
    [InlineData("\u1107\u1161\u11BC", "room")]
    public void Clean_SideThatShowsSomething_Stays(string ko, string en) =>
        Assert.Single(CorpusCleaner.Clean([new SentencePair(ko, en)]).Pairs);

    /// <summary>Nothing of the test set is learnt, in whatever spacing, case, width or punctuation.</summary>
    [Fact]
    public void SplitAndRemove_RandomPairs_LearnNothingOfTheTestSet() => Seeds.Try(200, random =>
    {
        var pairs = CorpusCleaner.Clean(Pairs(random)).Pairs;
        var split = CorpusSplitter.Split(pairs, 0.3, random.Next(1, 9), random.Next(100));

        var result = LeakageFilter.Remove(split.Train, split.Test);

        Assert.DoesNotContain(result.Train, pair => split.Test.Any(
            each => Bare(each.Ko) == Bare(pair.Ko) || Bare(each.En) == Bare(pair.En)));
        Assert.All(split.Train.Except(result.Train), pair => Assert.Contains(split.Test, each =>
            Bare(each.Ko) == Bare(pair.Ko) || Bare(each.En) == Bare(pair.En)));
        Assert.Equal(split.Train.Count, result.Train.Count + result.Removed.Values.Sum());
    });

    [Fact]
    public void Split_RandomCorpora_CutsThemInTwoWithoutMovingPairs() => Seeds.Try(200, random =>
    {
        var pairs = Enumerable.Range(0, random.Next(2, 400))
            .Select(i => new SentencePair($"문장 {i}", $"Sentence {i}")).ToList();
        var (fraction, most, seed) = (random.NextDouble() * 0.98 + 0.01, random.Next(1, 300), random.Next());

        var split = CorpusSplitter.Split(pairs, fraction, most, seed);

        Assert.InRange(split.Test.Count, 1, Math.Min(most, pairs.Count - 1));
        Assert.Equal(pairs, split.Train.Concat(split.Test).OrderBy(pairs.IndexOf));
        // Neither the order nor the way of writing decides, and the same is drawn again.
        var shuffled = pairs.ToArray();
        random.Shuffle(shuffled);
        var again = CorpusSplitter.Split(
            [.. shuffled.Select(pair => pair with { En = pair.En.ToUpperInvariant() })], fraction, most, seed);
        Assert.Equal(
            split.Test.Select(pair => pair.Ko).Order(StringComparer.Ordinal),
            again.Test.Select(pair => pair.Ko).Order(StringComparer.Ordinal));
    });

    /// <summary>More rows never make a test pair a training pair, unless the test set is full.</summary>
    [Fact]
    public void Split_CorpusThatGrows_KeepsWhatWasHeldOut() => Seeds.Try(60, random =>
    {
        var all = Enumerable.Range(0, 600).Select(i => new SentencePair($"문장 {i}", $"Sentence {i}")).ToArray();
        random.Shuffle(all);
        var seed = random.Next();
        HashSet<SentencePair> before = [];
        foreach (var count in (int[])[200, 201, 300, 600])
        {
            var split = CorpusSplitter.Split(all[..count], 0.2, 10_000, seed);

            Assert.Empty(before.Intersect(split.Train));
            before = [.. split.Test];
        }
    });

    /// <summary>Against Unicode's own tables, which the product runs without: each mark by its decomposition.</summary>
    [Fact]
    public void Compose_RandomHangul_IsUnicodesAlgorithm() => Seeds.Try(300, random =>
    {
        var (composed, decomposed) = (new System.Text.StringBuilder(), new System.Text.StringBuilder());
        for (var left = random.Next(1, 20); left > 0; left--)
        {
            if (random.Next(3) == 0)
            {
                var other = "a .x가ㄱ🙂1"[random.Next(5)];
                composed.Append(other);
                decomposed.Append(other);
                continue;
            }

            // The Unicode Standard 3.12: S = 0xAC00 + (L * 21 + V) * 28 + T.
            var (l, v, t) = (random.Next(19), random.Next(21), random.Next(28));
            composed.Append((char)(0xAC00 + (((l * 21) + v) * 28) + t));
            decomposed.Append((char)(0x1100 + l)).Append((char)(0x1161 + v))
                .Append(t > 0 ? $"{(char)(0x11A7 + t)}" : "");
        }

        Assert.Equal(composed.ToString(), Composition.Compose(decomposed.ToString()));
        Assert.Equal(composed.ToString(), Composition.Compose(composed.ToString()));
    });

    [Theory]
    [InlineData("\u1161\u11A8", "\u1161\u11A8")]
    [InlineData("\u1100", "\u1100")]
    [InlineData("가\u11A7", "가\u11A7")]
    [InlineData("각\u11A8", "각\u11A8")]
    [InlineData("\u1113\u1161", "\u1113\u1161")]
    [InlineData("\u1100\u1176", "\u1100\u1176")]
    [InlineData("e\u0301\u0301", "é\u0301")]
    [InlineData("\u0301e", "\u0301e")]
    [InlineData("q\u0301", "q\u0301")]
    [InlineData("N\u0303o", "Ño")]
    public void Compose_LettersThatDoNotJoin_StayApart(string text, string expected) =>
        Assert.Equal(expected, Composition.Compose(text));

    private static List<SentencePair> Pairs(Random random) =>
        [.. Enumerable.Range(0, random.Next(2, 25)).Select(_ => new SentencePair(
            Korean[random.Next(Korean.Length)], English[random.Next(English.Length)]))];

    /// <summary>Spacing, case, width, quotes and composition aside, by replacing the few that the lists have.</summary>
    private static bool Same(string left, string right) => Plain(left) == Plain(right);

    private static string Plain(string text) => string.Join(' ', text
        .Replace("\u1107\u1161\u11BC", "방").Replace('？', '?').Replace('Ａ', 'A').Replace('“', '"').Replace('”', '"')
        .ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries));

    private static string Bare(string text) =>
        Plain(text).Replace(" ", "").Replace("?", "").Replace(".", "").Replace("\"", "");
}
