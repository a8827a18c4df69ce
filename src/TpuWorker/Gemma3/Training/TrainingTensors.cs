using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The tensors of a checkpoint: trained weights and both moments, under the same names.</summary>
internal sealed record TrainingTensors(
    IReadOnlyDictionary<string, HostTensor> Weights, IReadOnlyDictionary<string, HostTensor> First,
    IReadOnlyDictionary<string, HostTensor> Second)
{
    public TrainingTensors Copy() => new(Copy(Weights), Copy(First), Copy(Second));

    public void CopyTo(TrainingTensors target)
    {
        foreach (var name in Weights.Keys)
        {
            Weights[name].Floats.CopyTo(target.Weights[name].Floats, 0);
            First[name].Floats.CopyTo(target.First[name].Floats, 0);
            Second[name].Floats.CopyTo(target.Second[name].Floats, 0);
        }
    }

    /// <summary>Copies tensors of single precision into memory of their own.</summary>
    public static Dictionary<string, HostTensor> Copy(IReadOnlyDictionary<string, HostTensor> tensors) =>
        tensors.ToDictionary(
            entry => entry.Key, entry => new HostTensor(entry.Value.Shape, (float[])entry.Value.Floats.Clone()),
            StringComparer.Ordinal);

    /// <summary>Creates zeros of the same names and shapes.</summary>
    public static Dictionary<string, HostTensor> Zeros(IReadOnlyDictionary<string, HostTensor> like) =>
        like.ToDictionary(
            entry => entry.Key, entry => HostTensor.Zeros(DType.Float32, entry.Value.Shape), StringComparer.Ordinal);
}
