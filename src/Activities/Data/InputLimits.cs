using Workflows.Translation.Corpora;

namespace Workflows.Activities.Data;

/// <summary>Limits of the work on users' files.</summary>
/// <param name="Places">Most runs whose files are read at the same time, at least 1.</param>
/// <param name="Time">Most time for reading the files of one run.</param>
public sealed record InputLimits(int Places, TimeSpan Time)
{
    /// <summary>
    /// Gets two places, and two hours each; the largest corpus takes minutes. The copy of a model to a bucket may take
    /// longer, as long as some of it arrives within this time.
    /// </summary>
    public static InputLimits Default { get; } = new(2, TimeSpan.FromHours(2));

    /// <summary>
    /// Gets the most bytes of one part of a corpus, unpacked: a small packed file can unpack to more than any disk or
    /// memory has.
    /// </summary>
    /// <value>At least 1, default 4 GiB.</value>
    public long Bytes { get; init; } = new CorpusReadOptions().MaxBytes;
}
