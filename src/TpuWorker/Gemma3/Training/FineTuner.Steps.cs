using System.Diagnostics;
using System.Numerics.Tensors;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>The steps: gradients pass by pass, the update, and what is written when.</summary>
public sealed partial class FineTuner
{
    // A stream of random numbers that neither the data order nor a fresh adapter uses.
    private const ulong DropoutStream = 1UL << 62;

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
                writer.Write(state, _state);
            }

            throw;
        }
    }

    private bool IsOver(TrainingManifest state) => state.IsStopped || state.Step == _options.Steps;

    private void WriteIfDue(TrainingManifest state, CheckpointWriter writer)
    {
        var isBest = _validation is { KeepsBest: true } && state.BestScore?.Step == state.Step;
        var isDue = _options.CheckpointEverySteps > 0 && state.Step % _options.CheckpointEverySteps == 0;
        if (IsOver(state) || isBest || isDue)
        {
            writer.Write(state, _state);
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

    private (TrainingManifest State, TrainingProgress Progress) TakeStep(
        TrainingManifest state, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        var (loss, answerTokens, tokens) = WithLessMemory(
            state.Step + 1, () => AccumulateGradients(state.Step, cancellation));
        loss /= answerTokens;
        var norm = _optimizer.GradientNorm() / answerTokens;
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            throw new TrainingDivergedException(state.Step + 1, loss, norm);
        }

        // The small number is the reference's, so that clipped steps are equal.
        var clip = Math.Min(1, _options.MaxGradientNorm / (norm + 1e-6));
        var rate = LearningRateSchedule.At(_options, state.Step);
        _optimizer.Step(state.Step + 1, rate, clip / answerTokens);
        var next = state with
        {
            Step = state.Step + 1,
            Cursor = CursorAt(state.Step + 1),
            Tokens = state.Tokens + tokens,
            FirstLoss = state.Step == 0 ? loss : state.FirstLoss,
            LastLoss = loss,
            PassSize = _passSize,
        };
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return (next, new TrainingProgress(
            next.Step, _options.Steps, loss, rate, norm, next.Tokens, tokens / seconds, null));
    }

    /// <summary>
    /// Does the work again with passes half as large for as long as memory runs out. The weights are as they were, so
    /// nothing is lost, and the effective batch stays what it is.
    /// </summary>
    private T WithLessMemory<T>(int step, Func<T> work)
    {
        while (true)
        {
            try
            {
                return work();
            }
            catch (OutOfMemoryException) when (_passSize > 1)
            {
                _programs.Dispose();
                _measures.Dispose();
                _passSize = (_passSize + 1) / 2;
            }
            catch (OutOfMemoryException)
            {
                throw TrainingMemoryException.Exhausted(step);
            }
        }
    }

    private (double LossSum, int AnswerTokens, long Tokens) AccumulateGradients(
        int step, CancellationToken cancellation)
    {
        var (loss, answerTokens, tokens) = (0.0, 0, 0L);
        var passes = Enumerable.Range(0, _options.AccumulationSteps)
            .SelectMany(part => _order.Batch(((long)step * _options.AccumulationSteps) + part).Chunk(_passSize))
            .Select(pass => Array.ConvertAll(pass, example => _examples[example])).ToArray();
        for (var pass = 0; pass < passes.Length; pass++)
        {
            var seed = _options.Lora is { Dropout: > 0 }
                ? (int)new SeededRandom(_options.Seed, DropoutStream + ((ulong)step << 20) + (ulong)pass).Next()
                : 0;
            var (passLoss, passAnswers) = RunPass(passes[pass], seed, cancellation);
            (loss, answerTokens) = (loss + passLoss, answerTokens + passAnswers);
            tokens += passes[pass].Sum(example => (long)example.Tokens.Length);
            if (passes.Length > 1)
            {
                AddToSums(isFirst: pass == 0);
            }
        }

        _optimizer.ReadFrom(passes.Length > 1 ? _sums! : _gradients);
        return (loss, answerTokens, tokens);
    }

    private (double LossSum, int AnswerTokens) RunPass(
        TrainingExample[] examples, int dropoutSeed, CancellationToken cancellation)
    {
        var layout = _options.Pack ? BatchLayout.Packed(examples) : BatchLayout.Alone(examples, _passSize);
        BeforePass?.Invoke(layout.Shape);
        var program = _programs.Get(layout.Shape, shape => new GradientProgram(
            _base.Config, _base.EmbeddingNormalizer, shape, _options.Threads, Bound(), _gradients, _options.Lora));
        return program.Run(layout, dropoutSeed, cancellation);
    }

    private void AddToSums(bool isFirst)
    {
        _sums ??= Copy(_gradients, tensor => new float[tensor.Shape.Count]);
        foreach (var (name, sum) in _sums)
        {
            var gradient = _gradients[name].Floats;
            if (isFirst)
            {
                gradient.CopyTo(sum.Floats, 0);
            }
            else
            {
                TensorPrimitives.Add(sum.Floats, gradient, sum.Floats);
            }
        }
    }

    /// <summary>Every weight that a pass reads, trained or frozen.</summary>
    private Dictionary<string, HostTensor> Bound() => _options.Lora is null
        ? _weights
        : new Dictionary<string, HostTensor>(_base.Parameters.Concat(_weights), StringComparer.Ordinal);
}
