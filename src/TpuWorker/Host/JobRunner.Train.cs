using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Protocol;

namespace Workflows.TpuWorker.Host;

/// <summary>Reports the progress of a training.</summary>
internal sealed partial class JobRunner
{
    private void Tell(TrainingProgress step, TrainingMeter meter, CancellationToken stop)
    {
        meter.Count(step);
        if (step.CheckpointPath is { } path)
        {
            _uploads?.Add(path, step.CheckpointStep, stop);

            // Uploaded with the first checkpoint, so that a VM that resumes from it need not compile. Steps do not wait
            // for it.
            _ = Task.Run(() => ShareProgramsAsync(stop), CancellationToken.None);
        }

        // A checkpoint counts once another VM can read it.
        CheckpointStep = _uploads?.Step ?? step.CheckpointStep;
        var isMeasured = step.ValidationScore is not null && step.ValidationStep == step.Step;
        var isDue = step.Step == 1 || step.Step == step.Steps || step.CheckpointPath is not null || isMeasured;
        Report(isDue, new Progress
        {
            JobId = jobId,
            Step = step.Step,
            Steps = step.Steps,
            Loss = step.Loss,
            LearningRate = step.LearningRate,
            GradientNorm = step.GradientNorm,
            Tokens = step.Tokens,
            TokensPerSecond = meter.TokensPerSecond,
            CheckpointStep = CheckpointStep,
            Detail = _uploads?.Fault is { } fault ? $"training; a checkpoint was not uploaded: {fault}" : "training",
            ValidationScore = step.ValidationScore ?? 0,
            ValidationStep = step.ValidationStep,
        });
    }
}
