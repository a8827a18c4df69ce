namespace Workflows.TpuWorker.Gemma3.Model;

/// <summary>
/// Names of the inputs and outputs of compiled passes, besides the parameters (which keep their own names).
/// </summary>
internal static class GraphInputs
{
    public const string Tokens = "tokens";
    public const string LocalMask = "mask.local";
    public const string GlobalMask = "mask.global";
    public const string LocalCosines = "rope.local.cosines";
    public const string LocalSines = "rope.local.sines";
    public const string GlobalCosines = "rope.global.cosines";
    public const string GlobalSines = "rope.global.sines";

    /// <summary>Positions, of all rows concatenated, for which the loss or the logits are computed.</summary>
    public const string Rows = "rows";
    public const string DropoutSeed = "dropout.seed";
    public const string Labels = "labels";
    public const string Weights = "weights";

    public static string PastKeys(int layer) => $"past.{layer}.keys";

    public static string PastValues(int layer) => $"past.{layer}.values";

    public static string NewKeys(int layer) => $"new.{layer}.keys";

    public static string NewValues(int layer) => $"new.{layer}.values";

    public static string GradientOf(string parameter) => $"gradient.{parameter}";
}
