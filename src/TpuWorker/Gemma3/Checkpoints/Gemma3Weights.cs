using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>Reads the text weights of a model folder into memory.</summary>
internal static class Gemma3Weights
{
    public static (Dictionary<string, HostTensor> Tensors, WeightPrecision Precision) Read(ModelFolder folder)
    {
        using var weights = folder.OpenWeights();
        weights.RequireValues(CancellationToken.None);
        var tensors = new Dictionary<string, HostTensor>(StringComparer.Ordinal);
        foreach (var (name, _) in Gemma3Parameters.All(folder.Config))
        {
            var (file, stored) = weights.Find(name);
            tensors.Add(name, file.ReadFloats(stored));
        }

        return (tensors, weights.Precision);
    }
}
