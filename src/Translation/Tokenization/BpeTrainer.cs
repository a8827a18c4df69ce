using System.Text;

namespace Workflows.Translation.Tokenization;

/// <summary>Trains small tokenizers of Gemma's kind. The same sentences always give the same file.</summary>
/// <remarks>
/// Byte-pair encoding (Sennrich et al. 2016) within pieces: a piece is a run of letters with the space before it, a
/// single digit, or a single punctuation mark, so no token crosses words. Among equally frequent pairs the one whose
/// texts come first in ordinal order is merged.
/// </remarks>
public static class BpeTrainer
{
    /// <summary>Trains a vocabulary.</summary>
    /// <param name="sentences">The text, of all languages together.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <returns>The vocabulary, which can be saved.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The size is too small for control tokens and bytes.</exception>
    public static TrainedBpe Train(IEnumerable<string> sentences, BpeTrainerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(sentences);
        options ??= new BpeTrainerOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.VocabularySize, 300, nameof(options));

        var pieces = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var sentence in sentences)
        {
            foreach (var piece in Pieces(sentence))
            {
                pieces[piece] = pieces.GetValueOrDefault(piece) + 1;
            }
        }

        var characters = Characters(pieces, options);
        var limit = options.VocabularySize - TrainedBpe.ReservedCount - characters.Count;
        var merges = new BpeMergeSearch(pieces, characters).Run(limit, options.MinimumPairCount);
        return new TrainedBpe(characters, merges);
    }

    private static List<string> Characters(Dictionary<string, long> pieces, BpeTrainerOptions options)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal) { ["▁"] = long.MaxValue / 2 };
        foreach (var (piece, count) in pieces)
        {
            foreach (var rune in piece.EnumerateRunes())
            {
                var text = rune.ToString();
                counts[text] = counts.GetValueOrDefault(text) + count;
            }
        }

        // The most frequent ones if there is no room for all; the file has them in ordinal order.
        return [.. counts
            .Where(entry => entry.Value >= options.MinimumCharacterCount && entry.Key != "\n")
            .OrderByDescending(entry => entry.Value).ThenBy(entry => entry.Key, StringComparer.Ordinal)
            .Take(options.VocabularySize - TrainedBpe.ReservedCount)
            .Select(entry => entry.Key).Order(StringComparer.Ordinal)];
    }

    private static IEnumerable<string> Pieces(string sentence)
    {
        var piece = new StringBuilder();
        foreach (var rune in sentence.Replace(' ', '▁').EnumerateRunes())
        {
            // A space begins a piece, and only letters (or the apostrophe inside a word) continue one.
            var goesOn = piece.Length > 0 && (Rune.IsLetter(rune) || rune.Value is '\'' or '’')
                && (EndsInLetter(piece) || (piece.Length == 1 && piece[0] == '▁' && Rune.IsLetter(rune)));
            if (!goesOn && piece.Length > 0)
            {
                yield return piece.ToString();
                piece.Clear();
            }

            piece.Append(rune.ToString());
        }

        if (piece.Length > 0)
        {
            yield return piece.ToString();
        }
    }

    private static bool EndsInLetter(StringBuilder piece) =>
        char.IsLetter(piece[^1]) || char.IsSurrogate(piece[^1]) || piece[^1] is '\'' or '’' && piece.Length > 1;
}
