namespace Workflows.TpuWorker.Gemma3;

/// <summary>The template around a request and its answer.</summary>
public enum PromptTemplate
{
    /// <summary>
    /// Gemma's chat turns, with which instruction-tuned checkpoints were trained; an answer ends with the turn.
    /// </summary>
    Chat,

    /// <summary>
    /// Plain labelled lines for pre-trained checkpoints, which were not trained with turns; an answer ends with the
    /// end-of-text token.
    /// </summary>
    Plain,
}
