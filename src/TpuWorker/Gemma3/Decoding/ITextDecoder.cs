namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>Continues prompts with a model. Compiled programs are kept between calls. Not thread-safe.</summary>
public interface ITextDecoder : IDisposable
{
    /// <summary>Continues every prompt.</summary>
    /// <param name="prompts">Token ids, each with the begin token in front; at least one token each.</param>
    /// <param name="options">Lengths, stop tokens, rows and beams.</param>
    /// <param name="onCompleted">Called with the number of finished prompts when it grows; null for none.</param>
    /// <param name="cancellationToken">Checked before every launch of a program.</param>
    /// <returns>
    /// The new tokens of each prompt, in the prompts' order, including the stop token if one was produced; for several
    /// beams the best one.
    /// </returns>
    /// <exception cref="ModelInputException">
    /// A prompt is empty, too long, or has tokens outside the vocabulary; an option is out of range.
    /// </exception>
    /// <exception cref="NonFiniteOutputException">The model's scores are not finite numbers.</exception>
    public int[][] Generate(
        IReadOnlyList<int[]> prompts, DecodeOptions options, Action<int>? onCompleted,
        CancellationToken cancellationToken);
}
