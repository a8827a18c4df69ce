namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>Checks the input of decoding.</summary>
internal static class DecodeRequests
{
    /// <summary>Refuses options that are out of range, and prompts that are not valid for the model.</summary>
    public static void RequireUsable(Gemma3Config config, IReadOnlyList<int[]> prompts, DecodeOptions options)
    {
        if (options.MaxNewTokens < 1 || options.BatchSize < 1 || options.BeamSize < 1
            || !double.IsFinite(options.LengthPenalty))
        {
            throw new ModelInputException(
                "decoding",
                $"of {options.MaxNewTokens} tokens, {options.BatchSize} at once, {options.BeamSize} beams, length "
                + $"penalty {options.LengthPenalty}: wanted 1 or more of the first three and a finite penalty");
        }

        for (var i = 0; i < prompts.Count; i++)
        {
            var (prompt, longest) = (prompts[i], config.MaxPositions - options.MaxNewTokens);
            if (prompt.Length < 1 || prompt.Length > longest)
            {
                throw new ModelInputException($"prompt {i}", $"has {prompt.Length} tokens, wanted 1 to {longest}");
            }

            if (Array.FindIndex(prompt, token => token < 0 || token >= config.VocabularySize) is var at and >= 0)
            {
                throw new ModelInputException(
                    $"prompt {i}", $"has token {prompt[at]}, wanted 0 to {config.VocabularySize - 1}");
            }
        }
    }
}
