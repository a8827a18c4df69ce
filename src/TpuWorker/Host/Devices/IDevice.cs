using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host.Devices;

/// <summary>Texts to continue with a model.</summary>
/// <param name="Model">The model's folder on this machine.</param>
/// <param name="Prompts">Token ids of each prompt.</param>
/// <param name="Options">Lengths, stop tokens, rows and beams.</param>
internal sealed record DecodeWork(string Model, int[][] Prompts, DecodeOptions Options);

/// <summary>Computes jobs, whose files are on this machine; the caller uploads the results.</summary>
internal interface IDevice : IAsyncDisposable
{
    /// <summary>Gets its description for the worker's hello; begins with "tpu" if it is one.</summary>
    public string Description { get; }

    /// <summary>Gets the folder of its compiled programs, one file each; null if it compiles nothing.</summary>
    public string? ProgramFolder { get; }

    /// <summary>Gets or sets the callback for compilations and other stages, on any thread; null for none.</summary>
    public Action<ExecutorStage>? OnStage { get; set; }

    /// <summary>Trains, and writes the tuned model into the job's output folder.</summary>
    /// <param name="job">The job, with folders of this machine.</param>
    /// <param name="onStep">Called after every step.</param>
    /// <param name="stop">Stops the training after a checkpoint of the last complete step.</param>
    public Task<TrainResult> TrainAsync(TrainJob job, Action<TrainingProgress> onStep, CancellationToken stop);

    /// <summary>Continues prompts.</summary>
    /// <param name="work">Model, prompts and options.</param>
    /// <param name="onCompleted">Called with the number of finished prompts.</param>
    /// <param name="stop">Cancels the call.</param>
    /// <returns>The new tokens of each prompt, in the prompts' order.</returns>
    public Task<int[][]> DecodeAsync(DecodeWork work, Action<int> onCompleted, CancellationToken stop);
}
