namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>A continuation found by beam search.</summary>
/// <param name="Tokens">The new tokens, including the stop token if one was produced.</param>
/// <param name="Score">Sum of their log-probabilities over their number to the power of the length penalty.</param>
public sealed record ScoredText(int[] Tokens, double Score);
