namespace Workflows.TpuWorker.Gemma3.Lora;

/// <summary>
/// Shape of a low-rank adapter (Hu et al. 2021): each chosen weight W acts as W + s B A, with A [rank, in] and
/// B [out, rank] trained and W frozen.
/// </summary>
public sealed class LoraOptions
{
    /// <summary>Rows of A and columns of B: a larger rank can learn more, and costs proportionally more.</summary>
    /// <value>1 or more; default 16.</value>
    public int Rank { get; set; } = 16;

    /// <summary>Strength of the adapter: s = Alpha / Rank.</summary>
    /// <value>Above 0; default 32.</value>
    public double Alpha { get; set; } = 32;

    /// <summary>The linear layers that are adapted.</summary>
    /// <value>At least one; default <see cref="LoraTargets.All"/>.</value>
    public LoraTargets Targets { get; set; } = LoraTargets.All;

    /// <summary>
    /// Probability with which each training step drops an input of an adapted layer for the adapter, the others being
    /// scaled up to compensate (Srivastava et al. 2014), as in PEFT.
    /// </summary>
    /// <value>0 to below 1; default 0.</value>
    public double Dropout { get; set; }

    /// <summary>
    /// Gets or sets a value indicating whether s = Alpha / sqrt(Rank) instead (Kalajdzievski 2023), which keeps large
    /// ranks from learning more slowly.
    /// </summary>
    /// <value>Default false.</value>
    public bool RankStabilized { get; set; }

    internal float Scale => (float)(Alpha / (RankStabilized ? Math.Sqrt(Rank) : Rank));

    internal LoraOptions Clone() => (LoraOptions)MemberwiseClone();

    internal void Validate()
    {
        Require(Rank >= 1, nameof(Rank), $"{Rank}", "1 or more");
        Require(Alpha > 0 && double.IsFinite(Alpha), nameof(Alpha), $"{Alpha}", "above 0");
        Require(Dropout is >= 0 and < 1, nameof(Dropout), $"{Dropout}", "0 to below 1");
        Require(
            Targets != LoraTargets.None && (Targets & ~LoraTargets.All) == 0, nameof(Targets), $"{Targets}",
            "one or more of the seven linear layers");
    }

    private static void Require(bool holds, string name, string got, string wanted)
    {
        if (!holds)
        {
            throw new ModelInputException($"LoRA {name}", $"is {got}, wanted {wanted}");
        }
    }
}
