using System.Text;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using Workflows.Translation;
using Workflows.Translation.Corpora;

namespace Workflows.Activities.Data;

/// <summary>
/// The parts of a run's corpus: read, cleaned, split, and without pairs of a held-out part in the training.
/// </summary>
/// <param name="Train">Pairs to train on.</param>
/// <param name="Test">Pairs to translate.</param>
/// <param name="Validation">Pairs to validate on; null if the training does not validate.</param>
/// <param name="Overlap">Training pairs that were taken out because they are in the test set.</param>
internal sealed record RunCorpus(
    IReadOnlyList<SentencePair> Train, IReadOnlyList<SentencePair> Test, IReadOnlyList<SentencePair>? Validation,
    int Overlap)
{
    /// <summary>Seed of the validation split; it differs from the test's, so that the two splits are
    /// independent.</summary>
    private const int ValidationSeed = 1;

    private const double ValidationFraction = 0.1;

    /// <summary>Most pairs of a part whose tokens are counted; enough for means and for the lengths of
    /// batches.</summary>
    private const int Sampled = 1000;

    /// <summary>Bytes of a line of JSON besides its two texts.</summary>
    private const int LineBytes = 18;

    /// <summary>Counts the pairs of a corpus, as the preparation will leave them.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="bytes">Most bytes of one part, unpacked.</param>
    /// <param name="measure">Counts the tokens of pairs; null to count none.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <returns>Numbers and lengths; null if a part is not on this machine.</returns>
    /// <exception cref="CorpusException">A file cannot be used.</exception>
    public static CorpusSize? Count(
        RunSpec spec, long bytes, Func<IReadOnlyList<SentencePair>, IReadOnlyList<PairLength>>? measure,
        CancellationToken cancellation)
    {
        if (new[] { spec.Data.Train, spec.Data.Test, spec.Data.Validation }
            .Any(files => files?.Contains("://", StringComparison.Ordinal) == true))
        {
            return null;
        }

        var corpus = ReadAsync(spec, new DropAccount(), bytes, (_, files) => Task.FromResult(files), cancellation)
            .GetAwaiter().GetResult();
        return new CorpusSize(corpus.Train.Count, corpus.Test.Count)
        {
            Train = measure?.Invoke(Choose(corpus.Train, Sampled)) ?? [],
            Test = measure?.Invoke(Choose(corpus.Test, Sampled)) ?? [],
            Bytes = new[] { corpus.Train, corpus.Test, corpus.Validation ?? [] }.Sum(BytesOf),
        };
    }

    /// <summary>Counts the bytes of pairs as the preparation writes them, but for escapes.</summary>
    private static long BytesOf(IReadOnlyList<SentencePair> pairs) => pairs.Sum(pair =>
        (long)Encoding.UTF8.GetByteCount(pair.Ko) + Encoding.UTF8.GetByteCount(pair.En) + LineBytes);

    /// <summary>Reads the parts.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="account">Counts the rows that are left out.</param>
    /// <param name="bytes">Most bytes of one part, unpacked.</param>
    /// <param name="fetch">Gives the paths of a field's files on this machine.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <returns>The parts.</returns>
    /// <exception cref="CorpusException">A file cannot be used.</exception>
    public static async Task<RunCorpus> ReadAsync(
        RunSpec spec, DropAccount account, long bytes, Func<string, string, Task<string>> fetch,
        CancellationToken cancellation)
    {
        var train = await PartAsync("data.train", spec.Data.Train);
        IReadOnlyList<SentencePair> test;
        if (spec.Data.Test is { } testFile)
        {
            test = Choose(await PartAsync("data.test", testFile), spec.Data.MaxTestPairs);
        }
        else
        {
            var split = CorpusSplitter.Split(train, spec.Data.TestFraction, spec.Data.MaxTestPairs);
            (train, test) = (split.Train, split.Test);
        }

        var overlap = train.Count;
        train = WithoutLeaks(train, test, "test", account);
        overlap -= train.Count;
        var given = spec.Training.Validation is not null && spec.Data.Validation is { } validationFile
            ? await PartAsync("data.validation", validationFile)
            : null;
        (train, var validation) = HoldOut(spec, train, test, given, account);
        return new RunCorpus(train, test, validation, overlap);

        async Task<IReadOnlyList<SentencePair>> PartAsync(string field, string files) => CorpusPart.Read(
            await fetch(field, files), field["data.".Length..], account,
            new CorpusReadOptions { MaxBytes = bytes, Cancellation = cancellation });
    }

    /// <summary>
    /// Returns the validation pairs, from a file or held out of the training pairs, and the training pairs without
    /// them.
    /// </summary>
    private static (IReadOnlyList<SentencePair> Train, IReadOnlyList<SentencePair>? Validation) HoldOut(
        RunSpec spec, IReadOnlyList<SentencePair> train, IReadOnlyList<SentencePair> test,
        IReadOnlyList<SentencePair>? all, DropAccount account)
    {
        if (spec.Training.Validation is not { } validation)
        {
            return (train, null);
        }

        if (all is not null)
        {
            var given = Choose(all, validation.MaxPairs);

            // Choosing the best step by test sentences would be training on them, so they are removed.
            given = WithoutLeaks(given, test, "test", account);
            return (WithoutLeaks(train, given, "validation", account), given);
        }

        if (train.Count < 2)
        {
            return (train, []);
        }

        var split = CorpusSplitter.Split(train, ValidationFraction, validation.MaxPairs, ValidationSeed);
        return (WithoutLeaks(split.Train, split.Test, "validation", account), split.Test);
    }

    private static IReadOnlyList<SentencePair> WithoutLeaks(
        IReadOnlyList<SentencePair> pairs, IReadOnlyList<SentencePair> heldOut, string part, DropAccount account)
    {
        var clean = LeakageFilter.Remove(pairs, [.. heldOut]);
        foreach (var (reason, count) in clean.Removed)
        {
            account.Add($"in the {part} set ({DropAccount.Words(reason)})", count);
        }

        return clean.Train;
    }

    /// <summary>Chooses the same pairs each time, spread over the file.</summary>
    private static IReadOnlyList<SentencePair> Choose(IReadOnlyList<SentencePair> pairs, int most) =>
        pairs.Count <= most
            ? pairs
            : [.. Enumerable.Range(0, most).Select(index => pairs[(int)((long)index * pairs.Count / most)])];
}

/// <summary>Size of a run's corpus.</summary>
/// <param name="TrainPairs">Pairs to train on.</param>
/// <param name="TestPairs">Pairs to translate.</param>
internal sealed record CorpusSize(int TrainPairs, int TestPairs)
{
    /// <summary>Gets the lengths of training pairs, a sample spread over the part; empty if not counted.</summary>
    public IReadOnlyList<PairLength> Train { get; init; } = [];

    /// <summary>Gets the lengths of test pairs, as <see cref="Train"/>.</summary>
    public IReadOnlyList<PairLength> Test { get; init; } = [];

    /// <summary>Gets the bytes of all parts; null if they were not counted.</summary>
    public long? Bytes { get; init; }
}
