using System.Text;
using System.Text.Json;
using Microsoft.DurableTask;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Translation;
using Workflows.Translation.Corpora;

namespace Workflows.Activities.Data;

/// <summary>
/// Reads the corpus, cleans it, splits it, and takes out of the training part what is in the test part; what was left
/// out and why is counted.
/// </summary>
public sealed class PrepareDataActivity(RunLedger ledger) : TaskActivity<RunSpec, PreparedData>
{
    private const int LeastTrain = 10, LeastTest = 5;

    /// <inheritdoc />
    public override async Task<PreparedData> RunAsync(TaskActivityContext context, RunSpec input)
    {
        var dropped = new SortedDictionary<string, int>(StringComparer.Ordinal);
        try
        {
            var train = Read(input.Data.Train, "train", dropped);
            IReadOnlyList<SentencePair> test;
            if (input.Data.Test is { } testFile)
            {
                test = Choose(Read(testFile, "test", dropped), input.Data.MaxTestPairs);
            }
            else
            {
                var split = CorpusSplitter.Split(train, input.Data.TestFraction, input.Data.MaxTestPairs);
                (train, test) = (split.Train, split.Test);
            }

            var clean = LeakageFilter.Remove(train, [.. test]);
            foreach (var (reason, count) in clean.Removed)
            {
                dropped[$"in the test set ({Words(reason.ToString())})"] = (int)count;
            }

            Require(clean.Train.Count >= LeastTrain, "data.train", clean.Train.Count, LeastTrain, dropped);
            Require(test.Count >= LeastTest, "data.test", test.Count, LeastTest, dropped);

            var directory = ledger.DirectoryOf(input.RunId);
            var data = new PreparedData(
                await WriteAsync(Path.Combine(directory, "train.jsonl"), clean.Train),
                await WriteAsync(Path.Combine(directory, "test.jsonl"), test),
                clean.Train.Count, test.Count, dropped);
            ledger.Append(input.RunId, LedgerKinds.Data, "data", data);
            return data;
        }
        catch (CorpusException exception)
        {
            throw new RunFaultException(
                exception.ErrorCode, exception.Message,
                "Correct the file, or name another one in data.train or data.test.");
        }
    }

    /// <summary>Reads the prepared pairs back.</summary>
    /// <param name="path">A file that this activity wrote.</param>
    /// <returns>The pairs in order.</returns>
    internal static IReadOnlyList<SentencePair> ReadBack(string path) => CorpusReader.ReadJsonLines(path).Pairs;

    private static IReadOnlyList<SentencePair> Read(string files, string part, SortedDictionary<string, int> dropped)
    {
        var paths = files.Split(',');
        var read = paths.Length == 2 ? CorpusReader.ReadAligned(paths[0], paths[1]) : CorpusReader.Read(paths[0]);
        var cleaned = CorpusCleaner.Clean(read.Pairs);
        foreach (var (reason, count) in read.BadRows)
        {
            Add($"{part}: {Words(reason.ToString())}", count);
        }

        foreach (var (reason, count) in cleaned.Removed)
        {
            Add($"{part}: {Words(reason.ToString())}", count);
        }

        return cleaned.Pairs;

        void Add(string reason, long count) => dropped[reason] = dropped.GetValueOrDefault(reason) + (int)count;
    }

    /// <summary>The same choice each time, spread over the file.</summary>
    private static IReadOnlyList<SentencePair> Choose(IReadOnlyList<SentencePair> pairs, int most) =>
        pairs.Count <= most
            ? pairs
            : [.. Enumerable.Range(0, most).Select(index => pairs[(int)((long)index * pairs.Count / most)])];

    private static void Require(
        bool isEnough, string field, int count, int least, SortedDictionary<string, int> dropped)
    {
        if (!isEnough)
        {
            var why = string.Join(", ", dropped.Select(each => $"{each.Value} {each.Key}"));
            throw new RunFaultException(
                "CORPUS_TOO_SMALL", $"{field} has {count} usable pairs, expected at least {least}. Left out: {why}.",
                "Check the columns and the scripts: Korean in 'ko', English in 'en'; or give more pairs.");
        }
    }

    private static async Task<string> WriteAsync(string path, IReadOnlyList<SentencePair> pairs)
    {
        var aside = path + ".new";
        await File.WriteAllLinesAsync(
            aside,
            pairs.Select(pair => JsonSerializer.Serialize(new { ko = pair.Ko, en = pair.En }, RunLedger.Json)),
            new UTF8Encoding(false));
        File.Move(aside, path, overwrite: true);
        return path;
    }

    /// <summary>LengthRatio becomes "length ratio".</summary>
    private static string Words(string name) =>
        string.Concat(name.Select((letter, index) => char.IsUpper(letter) && index > 0
            ? $" {char.ToLowerInvariant(letter)}"
            : $"{char.ToLowerInvariant(letter)}"));
}
