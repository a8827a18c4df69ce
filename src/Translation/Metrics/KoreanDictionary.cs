using Workflows.Translation.Metrics.Mecab;

namespace Workflows.Translation.Metrics;

/// <summary>The dictionary of the tokenizer "ko-mecab", which is not part of this product.</summary>
public static class KoreanDictionary
{
    /// <summary>
    /// Gets a value indicating whether the environment variable WORKFLOWS_MECAB_KO_DIC names a folder; a folder that
    /// cannot be used is then an error, not a reason to use another tokenizer.
    /// </summary>
    public static bool IsAtHand => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(MecabKo.FolderVariable));
}
