namespace Workflows.TpuWorker.Gemma3;

/// <summary>The wording of a translation request.</summary>
public enum PromptStyle
{
    /// <summary>The wording of TranslateGemma's model card: long, and comparable with that model.</summary>
    TranslateGemma,

    /// <summary>One short line, for small models that need not learn a paragraph of instructions.</summary>
    Brief,
}
