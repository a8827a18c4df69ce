namespace Workflows.TpuWorker.Gemma3;

/// <summary>The template around a request and its answer.</summary>
public enum PromptTemplate
{
    /// <summary>
    /// Gemma's turns, which instruction-tuned checkpoints were made with; an answer ends with the turn.
    /// </summary>
    Chat,

    /// <summary>
    /// Plain labelled lines for pre-trained checkpoints, which know no turns; an answer ends with the end-of-text
    /// token.
    /// </summary>
    Plain,
}
