using System.Diagnostics;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>Takes the steps, and writes checkpoints.</summary>
public sealed partial class FineTuner
{
    private TrainingManifest TakeSteps(
        TrainingManifest state, CheckpointWriter writer, Action<TrainingProgress> onStep,
        CancellationToken cancellation)
    {
        TrainingProgress? progress = null;
        try
        {
            while (true)
            {
                // A checkpoint may have been written between a step and its measurement, so this comes first.
                var measured = Measured(state, cancellation);
                if (progress is not null || measured != state)
                {
                    state = measured;
                    WriteIfDue(state, writer);
                    Report(progress, state, writer, onStep);
                }

                if (IsOver(state))
                {
                    return state;
                }

                (state, progress) = TakeStep(state, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            writer.Finish();
            if (writer.Newest?.Step != state.Step)
            {
                Write(state, writer);
            }

            throw;
        }
    }

    private bool IsOver(TrainingManifest state) =>
        state.IsStopped || state.Step == _options.Steps || IsFinished(state);

    /// <summary>Returns whether the training ends before its last step because it was asked to.</summary>
    private bool IsFinished(TrainingManifest state) =>
        !state.IsStopped && state.Step >= _options.FinishAfterStep && state.Step < _options.Steps;

    private void WriteIfDue(TrainingManifest state, CheckpointWriter writer)
    {
        var isBest = _validation is { KeepsBest: true } && state.BestScore?.Step == state.Step;
        var isDue = _options.CheckpointEverySteps > 0 && state.Step % _options.CheckpointEverySteps == 0;
        if (IsOver(state) || isBest || isDue)
        {
            Write(state, writer);
        }

        if (IsOver(state))
        {
            writer.Finish();
        }
    }

    private static void Report(
        TrainingProgress? progress, TrainingManifest state, CheckpointWriter writer, Action<TrainingProgress> onStep)
    {
        if (progress is not null)
        {
            onStep(progress with
            {
                CheckpointPath = writer.TakeReport(),
                CheckpointStep = writer.Newest?.Step ?? 0,
                ValidationScore = state.LastScore?.Score,
                ValidationStep = state.LastScore?.Step ?? 0,
            });
        }
    }

    private void Write(TrainingManifest state, CheckpointWriter writer)
    {
        _session.Download();
        writer.Write(state, _session.Tensors);
    }

    private (TrainingManifest State, TrainingProgress Progress) TakeStep(
        TrainingManifest state, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        var rate = LearningRateSchedule.At(_options, state.Step);
        var (loss, norm, tokens) = _session.Step(
            new TrainingStep(state.Step + 1, rate, Batches(state.Step)), cancellation);
        var next = state with
        {
            Step = state.Step + 1,
            Cursor = CursorAt(state.Step + 1),
            Tokens = state.Tokens + tokens,
            FirstLoss = state.Step == 0 ? loss : state.FirstLoss,
            LastLoss = loss,
            PassSize = _session.PassSize,
        };
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return (next, new TrainingProgress(
            next.Step, _options.Steps, loss, rate, norm, next.Tokens, tokens / seconds, null));
    }

    private TrainingExample[][] Batches(int stepsDone) =>
    [
        .. Enumerable.Range(0, _options.AccumulationSteps)
            .Select(part => _order.Batch(((long)stepsDone * _options.AccumulationSteps) + part))
            .Select(batch => Array.ConvertAll(batch, example => _examples[example])),
    ];
}
