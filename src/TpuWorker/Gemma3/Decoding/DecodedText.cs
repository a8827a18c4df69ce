namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>A prompt that is being continued.</summary>
/// <param name="Index">Its index among the caller's prompts.</param>
/// <param name="Prompt">Its tokens.</param>
internal sealed record DecodedText(int Index, int[] Prompt)
{
    public List<int> NewTokens { get; } = [];

    /// <summary>Number of tokens so far, which is the next one's position.</summary>
    public int Position => Prompt.Length + NewTokens.Count;

    public bool IsFinished(int maxNewTokens, HashSet<int> stops) =>
        NewTokens.Count == maxNewTokens || stops.Contains(NewTokens[^1]);
}
