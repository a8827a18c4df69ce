using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Checkpoints;

/// <summary>Where a tensor lies in a safetensors file; offsets count from the end of the header.</summary>
internal readonly record struct StoredTensor(string Type, Shape Shape, long Begin, long End);
