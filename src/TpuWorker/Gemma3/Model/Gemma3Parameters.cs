using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Model;

/// <summary>Names and shapes of the weights, as <see cref="Gemma3Tensors"/> lists them.</summary>
internal static class Gemma3Parameters
{
    public const string Prefix = Gemma3Tensors.Prefix;
    public const string Embedding = Gemma3Tensors.Embedding;
    public const string FinalNorm = Gemma3Tensors.FinalNorm;

    public static string OfLayer(int layer, string part) => Gemma3Tensors.OfLayer(layer, part);

    public static bool IsNorm(Shape shape) => shape.Rank == 1;

    /// <summary>Lists every parameter in the order of the forward pass.</summary>
    public static IEnumerable<(string Name, Shape Shape)> All(Gemma3Config config) =>
        Gemma3Tensors.All(config).Select(tensor => (tensor.Name, new Shape([.. tensor.Shape])));
}
