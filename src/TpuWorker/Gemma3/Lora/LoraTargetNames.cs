namespace Workflows.TpuWorker.Gemma3.Lora;

/// <summary>The linear layers by their names in checkpoints and PEFT.</summary>
public static class LoraTargetNames
{
    /// <summary>Every layer that an adapter can have, by its name.</summary>
    public static IReadOnlyDictionary<string, LoraTargets> All { get; } =
        new Dictionary<string, LoraTargets>(StringComparer.Ordinal)
        {
            ["q_proj"] = LoraTargets.Query,
            ["k_proj"] = LoraTargets.Key,
            ["v_proj"] = LoraTargets.Value,
            ["o_proj"] = LoraTargets.Output,
            ["gate_proj"] = LoraTargets.Gate,
            ["up_proj"] = LoraTargets.Up,
            ["down_proj"] = LoraTargets.Down,
        };
}
