using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>
/// Holds out a test set if a corpus has none. A hash of a pair's text and the seed decides its part, so neither the
/// order nor other rows matter: more data later does not turn test pairs into training pairs.
/// </summary>
public static class CorpusSplitter
{
    /// <summary>Splits a corpus.</summary>
    /// <param name="pairs">The pairs, cleaned.</param>
    /// <param name="testFraction">Share to hold out, above 0 and below 1; met on average, not exactly.</param>
    /// <param name="maxTestPairs">
    /// The most to hold out, at least 1; if there are more, the pairs with the smallest hashes are the test set.
    /// </param>
    /// <param name="seed">Another seed gives another split.</param>
    /// <returns>Both parts. With two or more pairs each part has at least one.</returns>
    /// <remarks>Sentences in both parts are not removed: see <see cref="LeakageFilter"/>.</remarks>
    public static CorpusSplit Split(
        IReadOnlyList<SentencePair> pairs, double testFraction = 0.05, int maxTestPairs = 2000, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(testFraction);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(testFraction, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTestPairs, 1);

        var hashes = new ulong[pairs.Count];
        for (var i = 0; i < hashes.Length; i++)
        {
            hashes[i] = Hash(pairs[i], seed);
        }

        var sorted = hashes.Order().ToArray();
        var limit = (ulong)(testFraction * ulong.MaxValue);
        var wanted = sorted.Count(hash => hash < limit);
        wanted = Math.Min(Math.Min(Math.Max(wanted, 1), maxTestPairs), pairs.Count - 1);
        var threshold = wanted <= 0 ? 0 : sorted[wanted - 1];

        var (train, test) = (new List<SentencePair>(), new List<SentencePair>());
        for (var i = 0; i < hashes.Length; i++)
        {
            (wanted > 0 && hashes[i] <= threshold ? test : train).Add(pairs[i]);
        }

        return new CorpusSplit(train, test);
    }

    private static ulong Hash(SentencePair pair, int seed)
    {
        var text = Encoding.UTF8.GetBytes($"{seed}\n{TextKey.Exact(pair.Ko)}\n{TextKey.Exact(pair.En)}");
        return BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(text));
    }
}
