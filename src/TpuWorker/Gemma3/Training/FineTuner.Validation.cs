using Workflows.TpuWorker.Gemma3.Decoding;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>Measures on the validation set, and applies the result.</summary>
public sealed partial class FineTuner
{
    /// <summary>Returns the state with its measurement, if one is due and not in it yet.</summary>
    private TrainingManifest Measured(TrainingManifest state, CancellationToken cancellation)
    {
        if (_validation is null || state.Step == 0 || state.LastScore?.Step == state.Step
            || (state.Step % _validation.EverySteps != 0 && state.Step != _options.Steps))
        {
            return state;
        }

        var score = new ScoreAt(state.Step, _validation.Score is { } measure
            ? measure(new MeasuredModel(this), cancellation)
            : _session.MeanLoss(state.Step, _validation.Examples!, cancellation));
        var isBetter = state.BestScore is not { } best || _validation.IsBetter(score.Score, best.Score);
        var worse = isBetter ? 0 : state.WorseScores + 1;
        return state with
        {
            LastScore = score,
            BestScore = isBetter ? score : state.BestScore,
            WorseScores = worse,
            IsStopped = worse >= _validation.Patience && state.Step < _options.Steps,
            PassSize = _session.PassSize,
        };
    }

    private sealed class MeasuredModel(FineTuner tuner) : IMeasuredModel
    {
        public ITextDecoder CreateDecoder() => tuner._session.CreateDecoder();

        public Gemma3Checkpoint Read()
        {
            tuner._session.Download();
            return tuner.CreateCheckpoint();
        }
    }
}
