using Workflows.Translation;
using Workflows.Translation.Corpora;

namespace Workflows.Activities.Data;

/// <summary>One part of a run's corpus, read and cleaned.</summary>
internal static class CorpusPart
{
    /// <summary>Reads files of pairs one after the other, a folder of them, or two aligned files.</summary>
    /// <param name="files">As the request names them.</param>
    /// <param name="part">train, test or validation: its name in the account.</param>
    /// <param name="account">Counts the rows that are left out.</param>
    /// <param name="options">Limits, and the token that stops the reading.</param>
    /// <returns>The usable pairs in order.</returns>
    public static IReadOnlyList<SentencePair> Read(
        string files, string part, DropAccount account, CorpusReadOptions options)
    {
        var read = CorpusReader.Read(CorpusFiles.Of(files), options);
        options.Cancellation.ThrowIfCancellationRequested();
        var cleaned = CorpusCleaner.Clean(read.Pairs);
        foreach (var (reason, count) in read.BadRows)
        {
            account.Add(Name(reason), count);
        }

        foreach (var sample in read.Samples)
        {
            account.Show(Name(sample.Fault), sample.Line, sample.Text);
        }

        foreach (var note in read.Notes)
        {
            account.Note($"{part}: {note}");
        }

        if (read.ComposedRows > 0)
        {
            account.Note($"{part}: {read.ComposedRows} rows of decomposed text (NFD) were composed (NFC)");
        }

        foreach (var (reason, count) in cleaned.Removed)
        {
            account.Add(Name(reason), count);
        }

        foreach (var sample in cleaned.Samples)
        {
            account.Show(Name(sample.Reason), null, $"{sample.Pair.Ko} | {sample.Pair.En}");
        }

        return cleaned.Pairs;

        string Name<T>(T reason)
            where T : struct, Enum => $"{part}: {DropAccount.Words(reason)}";
    }
}
