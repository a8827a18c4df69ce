using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// Stacks weights for a loop over layers: those of one kind in one tensor, with the layers along its first axis. A
/// stack's name is that of a layer's weight without the layer's number.
/// </summary>
public static class LeanParameters
{
    /// <summary>Lists the model's weights, followed by the adapter's.</summary>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="lora">The adapter; null for none.</param>
    /// <returns>Name, shape, and whether the weight is trained.</returns>
    public static IEnumerable<(string Name, Shape Shape, bool IsTrained)> All(Gemma3Config config, LoraOptions? lora)
    {
        var model = Gemma3Parameters.All(config).Select(parameter => (parameter, lora is null));
        var adapter = lora is null ? [] : LoraParameters.All(config, lora).Select(parameter => (parameter, true));
        foreach (var ((name, shape), isTrained) in model.Concat(adapter))
        {
            if (LayerOf(name) is not { } layer)
            {
                yield return (name, shape, isTrained);
            }
            else if (layer == 0)
            {
                yield return (StackOf(name), new Shape([config.LayerCount, .. shape.Dimensions]), isTrained);
            }
        }
    }

    /// <summary>Returns the name of the stack of a weight.</summary>
    /// <param name="name">Name of a weight, of one layer or of none.</param>
    /// <returns>The name without the layer's number.</returns>
    public static string StackOf(string name)
    {
        if (LayerOf(name) is null)
        {
            return name;
        }

        var parts = name.Split('.').ToList();
        parts.RemoveAt(2);
        return string.Join('.', parts);
    }

    /// <summary>Stacks the weights of all layers.</summary>
    /// <param name="tensors">Weights of single precision by their names in checkpoints.</param>
    /// <param name="type">The element type of the stacks.</param>
    /// <returns>The stacks by name, in memory of their own.</returns>
    public static Dictionary<string, HostTensor> Stack(
        IEnumerable<KeyValuePair<string, HostTensor>> tensors, DType type = DType.Float32) =>
        new(Stacks(tensors, type), StringComparer.Ordinal);

    /// <summary>Stacks the weights of all layers lazily, since all stacks together take twice the memory.</summary>
    /// <param name="tensors">Weights of single precision by their names in checkpoints.</param>
    /// <param name="type">The element type of the stacks.</param>
    /// <returns>The stacks with their names, each in memory of its own.</returns>
    public static IEnumerable<KeyValuePair<string, HostTensor>> Stacks(
        IEnumerable<KeyValuePair<string, HostTensor>> tensors, DType type)
    {
        foreach (var group in tensors.GroupBy(tensor => StackOf(tensor.Key), StringComparer.Ordinal))
        {
            HostTensor[] layers = [.. group.OrderBy(tensor => LayerOf(tensor.Key)).Select(tensor => tensor.Value)];
            var shape = LayerOf(group.First().Key) is null
                ? layers[0].Shape
                : new Shape([layers.Length, .. layers[0].Shape.Dimensions]);
            var stack = HostTensor.Zeros(type, shape);
            for (var layer = 0; layer < layers.Length; layer++)
            {
                Write(layers[layer].Floats, stack, layer * layers[layer].Floats.Length);
            }

            yield return new(group.Key, stack);
        }
    }

    /// <summary>Splits a stack into its weights, without a copy.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="stack">A stack of single precision, as <see cref="Stacks"/> returns it.</param>
    /// <param name="take">Receives each weight's name in checkpoints, and its values.</param>
    internal static void Unstack(string name, HostTensor stack, Action<string, ReadOnlySpan<float>> take)
    {
        if (!name.StartsWith($"{Gemma3Parameters.Prefix}layers.", StringComparison.Ordinal))
        {
            take(name, stack.Floats);
            return;
        }

        var (layers, parts) = (stack.Shape[0], name.Split('.'));
        var size = stack.Floats.Length / layers;
        for (var layer = 0; layer < layers; layer++)
        {
            take(
                string.Join('.', [.. parts[..2], $"{layer}", .. parts[2..]]),
                stack.Floats.AsSpan(layer * size, size));
        }
    }

    private static void Write(float[] values, HostTensor stack, int begin)
    {
        if (stack.DType == DType.Float32)
        {
            values.CopyTo(stack.Floats, begin);
            return;
        }

        var bits = stack.BFloat16Bits;
        for (var i = 0; i < values.Length; i++)
        {
            bits[begin + i] = DTypes.ToBFloat16Bits(values[i]);
        }
    }

    private static int? LayerOf(string name)
    {
        var parts = name.Split('.');
        return parts.Length > 3 && parts[1] == "layers" && int.TryParse(parts[2], out var layer) ? layer : null;
    }
}
