namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>One training text, as token ids; only the part after the prompt is trained.</summary>
/// <param name="Tokens">Prompt and answer, with the begin token first and the end token last; at least 2.</param>
/// <param name="PromptLength">Number of the prompt's tokens, at least 1; the loss is on the rest.</param>
public sealed record TrainingExample(int[] Tokens, int PromptLength)
{
    internal static void RequireUsable(Gemma3Config config, IReadOnlyList<TrainingExample> examples, string what)
    {
        for (var i = 0; i < examples.Count; i++)
        {
            var (tokens, prompt) = (examples[i].Tokens, examples[i].PromptLength);
            if (prompt < 1 || prompt >= tokens.Length)
            {
                throw new ModelInputException(
                    $"{what} {i}",
                    $"has {tokens.Length} tokens of which {prompt} are prompt, wanted 1 or more of each part");
            }

            if (Array.FindIndex(tokens, token => token < 0 || token >= config.VocabularySize) is var at and >= 0)
            {
                throw new ModelInputException(
                    $"{what} {i}", $"has token {tokens[at]}, wanted 0 to {config.VocabularySize - 1}");
            }
        }
    }
}
