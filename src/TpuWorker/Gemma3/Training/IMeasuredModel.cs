using Workflows.TpuWorker.Gemma3.Decoding;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The model in the middle of its training; valid only during the measurement.</summary>
public interface IMeasuredModel
{
    /// <summary>Creates a decoder of it, on its device.</summary>
    /// <returns>The decoder, owned by the caller.</returns>
    public ITextDecoder CreateDecoder();

    /// <summary>Copies the model, with an adapter merged into it.</summary>
    /// <returns>The model.</returns>
    public Gemma3Checkpoint Read();
}
