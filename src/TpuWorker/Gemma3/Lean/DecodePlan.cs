using Workflows.TpuWorker.Gemma3.Lora;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>The static sizes of compiled decoding: a prefill, and launches that continue it.</summary>
public sealed record DecodePlan
{
    /// <summary>Gets the rows that are decoded at once.</summary>
    /// <value>1 or more.</value>
    public required int Batch { get; init; }

    /// <summary>Gets the chips over which decoding is split.</summary>
    /// <value>1 or more; a divisor of <see cref="Batch"/>.</value>
    public int Devices { get; init; } = 1;

    /// <summary>Gets the positions of a prompt; shorter ones are padded on the right.</summary>
    /// <value>1 or more.</value>
    public required int PromptLength { get; init; }

    /// <summary>Gets the most tokens that are generated for a prompt.</summary>
    /// <value>1 or more.</value>
    public required int NewTokens { get; init; }

    /// <summary>Gets the tokens that one launch generates for each row.</summary>
    /// <value>1 to <see cref="NewTokens"/>; 1 if the host chooses among candidates.</value>
    public int LaunchTokens { get; init; } = 1;

    /// <summary>Gets the number of most likely tokens that are returned for each position.</summary>
    /// <value>1 or more: 1 for greedy decoding, twice the beams for beam search.</value>
    public int Candidates { get; init; } = 1;

    /// <summary>Gets the tokens that end a row, which continues with padding.</summary>
    /// <value>null for the model's own; empty if the host decides.</value>
    public IReadOnlyList<int>? EndTokens { get; init; }

    /// <summary>Gets the adapter, which is kept separate from the weights; null for none.</summary>
    public LoraOptions? Lora { get; init; }

    /// <summary>Gets the element types.</summary>
    public PrecisionPolicy Precision { get; init; } = PrecisionPolicy.Mixed;

    /// <summary>Gets the positions of the cache in each row.</summary>
    public int Capacity => PromptLength + NewTokens;

    internal void Validate(Gemma3Config config)
    {
        Require(Batch >= 1, nameof(Batch), $"{Batch}", "1 or more");
        Require(
            Devices >= 1 && Batch % Devices == 0, nameof(Devices), $"{Devices} for {Batch} rows",
            "a divisor of the rows");
        Require(PromptLength >= 1, nameof(PromptLength), $"{PromptLength}", "1 or more");
        Require(NewTokens >= 1, nameof(NewTokens), $"{NewTokens}", "1 or more");
        Require(
            LaunchTokens >= 1 && LaunchTokens <= NewTokens, nameof(LaunchTokens), $"{LaunchTokens}",
            $"1 to {NewTokens}");
        Require(
            Candidates >= 1 && Candidates <= config.VocabularySize, nameof(Candidates), $"{Candidates}",
            $"1 to {config.VocabularySize}");
        Lora?.Validate();
        Precision.Validate();
    }

    internal LeanPlan Pass(int length) => new()
    {
        Batch = Batch,
        Length = length,
        Answers = 1,
        Lora = Lora,
        Precision = Precision,
    };

    private static void Require(bool holds, string name, string got, string wanted)
    {
        if (!holds)
        {
            throw new ModelInputException($"decoding plan {name}", $"is {got}, wanted {wanted}");
        }
    }
}
