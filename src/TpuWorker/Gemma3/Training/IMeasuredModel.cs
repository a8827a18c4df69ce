using Workflows.TpuWorker.Gemma3.Decoding;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The model as it is in the middle of its training; valid only while it is measured.</summary>
public interface IMeasuredModel
{
    /// <summary>Decodes with it, where it is.</summary>
    /// <returns>The decoder, owned by the caller.</returns>
    public ITextDecoder CreateDecoder();

    /// <summary>Copies it, an adapter merged into it.</summary>
    /// <returns>The model.</returns>
    public Gemma3Checkpoint Read();
}
