namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>One text to learn from, as token ids; only what follows the prompt is learned.</summary>
/// <param name="Tokens">Prompt and answer, with the begin token in front and the end token behind; at least 2.</param>
/// <param name="PromptLength">How many tokens the prompt has, at least 1; the loss is on the rest.</param>
public sealed record TrainingExample(int[] Tokens, int PromptLength);
