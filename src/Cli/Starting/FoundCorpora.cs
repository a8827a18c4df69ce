using Workflows.Translation.Corpora;

namespace Workflows.Cli.Starting;

/// <summary>A file of pairs that is at hand.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Pairs">Its number of pairs; null if it is too large to be read now.</param>
internal sealed record FoundCorpus(string Path, int? Pairs);

/// <summary>Looks for files of pairs and models in a folder and the folders in it.</summary>
internal static class FoundCorpora
{
    /// <summary>Files with fewer pairs are no corpora; larger ones are not read to be counted.</summary>
    private const int LeastPairs = 10, MostFiles = 200;

    private const long MostBytes = 64 << 20;

    private static readonly string[] Held = ["test", "dev", "valid", "eval"];

    /// <summary>Finds files of pairs, those with most pairs first.</summary>
    /// <param name="folder">The folder.</param>
    public static IReadOnlyList<FoundCorpus> In(string folder) =>
    [
        .. Folders(folder).SelectMany(each => Safe(() => Directory.EnumerateFiles(each)))
            .Where(path => Path.GetFileName(path)[0] is not ('.' or '_') && CorpusReader.KnowsFormatOf(path))
            .Order(StringComparer.Ordinal).Take(MostFiles).Select(Look).OfType<FoundCorpus>()
            .OrderByDescending(each => each.Pairs ?? int.MaxValue).ThenBy(each => each.Path, StringComparer.Ordinal),
    ];

    /// <summary>Finds the first folder of a model; null if there is none.</summary>
    public static string? ModelIn(string folder) => Folders(folder).Order(StringComparer.Ordinal).FirstOrDefault(
        each => File.Exists(Path.Combine(each, "config.json")) && File.Exists(Path.Combine(each, "tokenizer.json")));

    /// <summary>Returns whether a file's name says that it is held out from the training.</summary>
    public static bool IsHeldOut(FoundCorpus corpus) => Held.Any(word => Path.GetFileName(corpus.Path).Contains(
        word, StringComparison.OrdinalIgnoreCase));

    private static IEnumerable<string> Folders(string folder) => Directory.Exists(folder)
        ? [folder, .. Safe(() => Directory.EnumerateDirectories(folder))
            .Where(each => Path.GetFileName(each)[0] != '.').Take(MostFiles)]
        : [];

    private static FoundCorpus? Look(string path)
    {
        try
        {
            if (!Translation.FileKind.IsRegular(path))
            {
                return null;
            }

            if (new FileInfo(path).Length > MostBytes)
            {
                return new FoundCorpus(path, null);
            }

            var pairs = CorpusReader.Read(path).Pairs.Count;
            return pairs >= LeastPairs ? new FoundCorpus(path, pairs) : null;
        }
        catch (Exception exception) when (exception is CorpusException or IOException or UnauthorizedAccessException)
        {
            // Another file with such an ending: a request, a table of something else.
            return null;
        }
    }

    private static IReadOnlyList<string> Safe(Func<IEnumerable<string>> list)
    {
        try
        {
            return [.. list()];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
