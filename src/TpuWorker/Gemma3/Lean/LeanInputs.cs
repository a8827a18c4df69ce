namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// Names of a step's inputs and outputs, besides the weights. Letters: M micro-batches (the axis is missing if there is
/// one), B rows, S positions, R answers of a row.
/// </summary>
public static class LeanInputs
{
    /// <summary>Tokens, Int32 [M, B, S]; padding after a text may be any token.</summary>
    public const string Tokens = "tokens";

    /// <summary>Position of each token in its text, Int32 [M, B, S].</summary>
    public const string Positions = "positions";

    /// <summary>
    /// Number of the text of each token, Int32 [M, B, S]; tokens of one text attend to each other.
    /// </summary>
    public const string Segments = "segments";

    /// <summary>Positions in their row that predict an answer's token, Int32 [M, B, R], each below S.</summary>
    public const string Answers = "answers";

    /// <summary>The tokens that are predicted there, Int32 [M, B, R].</summary>
    public const string Labels = "labels";

    /// <summary>1 for an answer, 0 for one that pads the row, Float32 [M, B, R].</summary>
    public const string Weights = "weights";

    /// <summary>Seed of the adapter's dropout, Int32 [M, 1].</summary>
    public const string DropoutSeed = "dropout.seed";

    /// <summary>The learning rate, Float32 [].</summary>
    public const string LearningRate = "step.learning_rate";

    /// <summary>The learning rate over 1 - beta1^t at step t, Float32 [].</summary>
    public const string Rate = "step.rate";

    /// <summary>1 / sqrt(1 - beta2^t) at step t, Float32 [].</summary>
    public const string RootCorrection = "step.root_correction";

    /// <summary>Output: the mean loss of all answers, Float32 [].</summary>
    public const string Loss = "loss";

    /// <summary>Output: the norm of the mean loss's gradient before it was clipped, Float32 [].</summary>
    public const string Norm = "norm";

    /// <summary>Returns the name of the state of a weight's first moment.</summary>
    /// <param name="weight">Name of the weight.</param>
    /// <returns>The name.</returns>
    public static string FirstMomentOf(string weight) => $"first.{weight}";

    /// <summary>Returns the name of the state of a weight's second moment.</summary>
    /// <param name="weight">Name of the weight.</param>
    /// <returns>The name.</returns>
    public static string SecondMomentOf(string weight) => $"second.{weight}";
}
