namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>A prompt being continued.</summary>
/// <param name="Index">Its place among the caller's prompts.</param>
/// <param name="Prompt">Its tokens.</param>
internal sealed record DecodedText(int Index, int[] Prompt)
{
    public List<int> NewTokens { get; } = [];

    /// <summary>Tokens so far: the position that the next one will have.</summary>
    public int Position => Prompt.Length + NewTokens.Count;

    public bool IsFinished(int maxNewTokens, HashSet<int> stops) =>
        NewTokens.Count == maxNewTokens || stops.Contains(NewTokens[^1]);
}
