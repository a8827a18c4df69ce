using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lora;

/// <summary>Lists names and shapes of an adapter's tensors: the adapted weight's with lora_A or lora_B in it.</summary>
internal static class LoraParameters
{
    private const string Suffix = ".weight";

    public static string DownOf(string weight) => $"{weight[..^Suffix.Length]}.lora_A{Suffix}";

    public static string UpOf(string weight) => $"{weight[..^Suffix.Length]}.lora_B{Suffix}";

    /// <summary>Lists the adapted weights in the order of the forward pass.</summary>
    public static IEnumerable<(string Name, Shape Shape)> Adapted(Gemma3Config config, LoraTargets targets) =>
        Gemma3Parameters.All(config).Where(parameter =>
            LoraTargetNames.All.TryGetValue(parameter.Name.Split('.')[^2], out var module) && (targets & module) != 0);

    /// <summary>Lists A [rank, in] and B [out, rank] of every adapted weight.</summary>
    public static IEnumerable<(string Name, Shape Shape)> All(Gemma3Config config, LoraOptions options)
    {
        foreach (var (name, shape) in Adapted(config, options.Targets))
        {
            yield return (DownOf(name), new Shape(options.Rank, shape[1]));
            yield return (UpOf(name), new Shape(shape[0], options.Rank));
        }
    }
}
