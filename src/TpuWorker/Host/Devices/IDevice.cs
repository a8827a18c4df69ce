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

/// <summary>Computes for jobs; a job's files are on this machine, and what becomes of them is the caller's.</summary>
internal interface IDevice : IAsyncDisposable
{
    /// <summary>Gets its words in the worker's hello; begins with "tpu" where it is one.</summary>
    public string Description { get; }

    /// <summary>Gets the folder of its compiled programs, a file each; null: it compiles nothing.</summary>
    public string? ProgramFolder { get; }

    /// <summary>Gets or sets who is told of compilations and the like, on any thread; null: nobody.</summary>
    public Action<ExecutorStage>? OnStage { get; set; }

    /// <summary>Trains, and writes the tuned model into the job's output folder.</summary>
    /// <param name="job">The job, with folders of this machine.</param>
    /// <param name="onStep">Told after every step.</param>
    /// <param name="stop">Breaks off after a checkpoint of the last whole step.</param>
    public Task<TrainResult> TrainAsync(TrainJob job, Action<TrainingProgress> onStep, CancellationToken stop);

    /// <summary>Continues prompts.</summary>
    /// <param name="work">Model, prompts and options.</param>
    /// <param name="onCompleted">Told how many prompts are done.</param>
    /// <param name="stop">Breaks off.</param>
    /// <returns>The new tokens of each prompt in its place.</returns>
    public Task<int[][]> DecodeAsync(DecodeWork work, Action<int> onCompleted, CancellationToken stop);
}
