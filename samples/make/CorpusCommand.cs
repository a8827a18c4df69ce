using System.Text;
using Workflows.Translation;

namespace Workflows.Samples;

/// <summary>Writes the sample corpora from the grammar.</summary>
internal static class CorpusCommand
{
    private const int TestPairs = 200;
    private const int TrainPairs = 2400;
    private const int GeneralPairs = 6600;
    private const int TriesPerPair = 30;
    private const ulong Seed = 20260101;

    public static int Run(string folder)
    {
        var known = new SentenceSet();
        var fixedPairs = GrammarText.Lines("general.fixed.txt").Select(Pair).Where(known.TryAdd).ToList();
        var domain = Generate(Frames("hotel"), TrainPairs + TestPairs, known, new SplitMix(Seed));
        var general = Generate(Frames("general"), GeneralPairs - fixedPairs.Count, known, new SplitMix(Seed + 1));

        // Every frame gives to the test set in turn, and the frames that have most give most.
        var test = domain.Select((pairs, frame) => pairs.Select((pair, index) => (pair, frame, index, pairs.Count)))
            .SelectMany(pairs => pairs).Where(entry => entry.Count >= 8)
            .OrderBy(entry => entry.index).ThenBy(entry => entry.frame)
            .Take(TestPairs).Select(entry => entry.pair).ToHashSet();
        var all = domain.SelectMany(pairs => pairs).ToList();
        Write(folder, "ko-en.test.tsv", all.Where(test.Contains));
        Write(folder, "ko-en.train.tsv", all.Where(pair => !test.Contains(pair)));
        Write(folder, "general.tsv", fixedPairs.Concat(general.SelectMany(pairs => pairs)));
        return 0;
    }

    private static List<Frame> Frames(string grammar)
    {
        var slots = new SlotTable("shared.slots.txt", $"{grammar}.slots.txt");
        return [.. GrammarText.Lines($"{grammar}.frames.txt").Select(line => new Frame(line, slots))];
    }

    private static SentencePair Pair(string line)
    {
        var parts = line.Split('|', StringSplitOptions.TrimEntries);
        return parts.Length == 2 ? new SentencePair(parts[0], parts[1])
            : throw new FormatException($"A sentence is 'Korean | English', found '{line}'.");
    }

    // One sentence a frame in turn, so that small frames give all they have and large ones share the rest.
    private static List<List<SentencePair>> Generate(
        List<Frame> frames, int wanted, SentenceSet known, SplitMix random)
    {
        var pairs = frames.Select(_ => new List<SentencePair>()).ToList();
        var open = Enumerable.Range(0, frames.Count).ToList();
        var count = 0;
        while (count < wanted && open.Count > 0)
        {
            foreach (var frame in open.ToArray())
            {
                if (count < wanted && TryGenerate(frames[frame], known, random) is { } pair)
                {
                    pairs[frame].Add(pair);
                    count++;
                }
                else
                {
                    open.Remove(frame);
                }
            }
        }

        Console.WriteLine($"{frames.Count} frames gave {count} of {wanted} pairs; "
            + $"the smallest gave {pairs.Min(list => list.Count)}, the largest {pairs.Max(list => list.Count)}.");
        return pairs;
    }

    private static SentencePair? TryGenerate(Frame frame, SentenceSet known, SplitMix random)
    {
        for (var attempt = 0; attempt < TriesPerPair; attempt++)
        {
            if (frame.Fill(random.Next) is { } pair && known.TryAdd(pair))
            {
                return pair;
            }
        }

        return null;
    }

    // Shuffled, so that a reader of the first lines, or of a part, sees every kind of sentence.
    private static void Write(string folder, string name, IEnumerable<SentencePair> sentences)
    {
        var pairs = sentences.ToArray();
        var random = new SplitMix(Seed + 2);
        for (var i = pairs.Length - 1; i > 0; i--)
        {
            var j = random.Next(i + 1);
            (pairs[i], pairs[j]) = (pairs[j], pairs[i]);
        }

        var text = new StringBuilder("ko\ten\n");
        foreach (var pair in pairs)
        {
            text.Append(pair.Ko).Append('\t').Append(pair.En).Append('\n');
        }

        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, name), text.ToString(), new UTF8Encoding(false));
        Console.WriteLine($"{name}: {pairs.Length} pairs");
    }
}
