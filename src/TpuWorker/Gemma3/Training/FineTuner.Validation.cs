using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>Measuring on the validation set, and what follows from it.</summary>
public sealed partial class FineTuner
{
    private readonly ProgramCache<BatchShape, GradientProgram> _measures = new(MaxPrograms);

    /// <summary>The state with its measurement, if one is due and not in it yet.</summary>
    private TrainingManifest Measured(TrainingManifest state, CancellationToken cancellation)
    {
        if (_validation is null || state.Step == 0 || state.LastScore?.Step == state.Step
            || (state.Step % _validation.EverySteps != 0 && state.Step != _options.Steps))
        {
            return state;
        }

        var score = new ScoreAt(state.Step, _validation.Score is { } measure
            ? measure(AsModel(), cancellation)
            : WithLessMemory(state.Step, () => MeanLoss(_validation.Examples!, cancellation)));
        var isBetter = state.BestScore is not { } best || _validation.IsBetter(score.Score, best.Score);
        var worse = isBetter ? 0 : state.WorseScores + 1;
        return state with
        {
            LastScore = score,
            BestScore = isBetter ? score : state.BestScore,
            WorseScores = worse,
            IsStopped = worse >= _validation.Patience && state.Step < _options.Steps,
            PassSize = _passSize,
        };
    }

    /// <summary>The weights as they are, not copied: valid until the next step.</summary>
    private Gemma3Checkpoint AsModel() => _options.Lora is null
        ? new Gemma3Checkpoint(_base.Config, _base.Precision, _weights, _base.SourceDirectory)
        : CreateAdapter().Merge(_base);

    private double MeanLoss(IReadOnlyList<TrainingExample> examples, CancellationToken cancellation)
    {
        var (sum, answers) = (0.0, 0);
        foreach (var pass in examples.OrderBy(example => example.Tokens.Length).Chunk(_passSize))
        {
            var program = _measures.Get(BatchShape.Of(pass, _passSize), shape => new GradientProgram(
                _base.Config, _base.EmbeddingNormalizer, shape, _options.Threads, Bound(),
                new Dictionary<string, HostTensor>(), _options.Lora));
            var (loss, count) = program.Run(BatchLayout.Alone(pass, _passSize), 0, cancellation);
            (sum, answers) = (sum + loss, answers + count);
        }

        return sum / answers;
    }
}
