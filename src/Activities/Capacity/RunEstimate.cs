using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>Estimates the time that a run takes on its TPU.</summary>
/// <remarks>
/// Training takes 6 floating-point operations for each parameter and token, decoding 2 (Kaplan et al. 2020, section
/// 2.1); two models translate the test set. Pairs are counted at 40 tokens. The rate is a share of the chips' peak; a
/// rehearsal computes on this machine, at the rate that an earlier one measured, or else at a guessed one.
/// </remarks>
public static class RunEstimate
{
    /// <summary>Seconds from the request for a node until its worker computes; chosen.</summary>
    private const double CloudRestSeconds = 180, RehearsalRestSeconds = 8;

    /// <summary>Share of the slice's peak that a fine-tuning of short pairs reaches; a conservative guess.</summary>
    private const double AssumedUtilisation = 0.25;

    /// <summary>Rate of a two-core machine in TFLOP/s: a guess, until a rehearsal has measured it.</summary>
    private const double GuessedTflops = 0.1;

    private const double TokensPerPair = 40;

    /// <summary>Estimates a run.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="parameters">Parameters of the model.</param>
    /// <param name="peakTflops">Peak rate of the slice in TFLOP/s; not used by a rehearsal.</param>
    /// <param name="measured">Rates of this machine, for a rehearsal; null if none was measured.</param>
    /// <param name="testPairs">Sentences of the test set; null for the most that the request allows.</param>
    /// <returns>The parts.</returns>
    public static TimeEstimate Of(
        RunSpec spec, double parameters, double peakTflops, RehearsalRate? measured = null, int? testPairs = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var pairs = Math.Min(testPairs ?? spec.Data.MaxTestPairs, spec.Data.MaxTestPairs);
        var (train, evaluate, rest, basis) = (spec.IsRehearsal, measured) switch
        {
            (false, _) => (peakTflops * AssumedUtilisation, peakTflops * AssumedUtilisation, CloudRestSeconds,
                "The rate is assumed: a quarter of the chips' peak."),
            (true, { } rate) => (rate.TrainTflops, rate.EvaluateTflops, rate.RestSeconds ?? RehearsalRestSeconds,
                string.Create(CultureInfo.InvariantCulture,
                    $"The rates are those that rehearsal {rate.RunId} measured on this machine: "
                    + $"{rate.TrainTflops:G3} TFLOP/s of training, {rate.EvaluateTflops:G3} of translating.")),
            _ => (GuessedTflops, GuessedTflops, RehearsalRestSeconds,
                string.Create(CultureInfo.InvariantCulture,
                    $"The rate is a guess, {GuessedTflops} TFLOP/s, until a rehearsal of a model of this size has "
                    + $"ended on this machine.")),
        };
        return new TimeEstimate(
            rest, TrainOperations(spec, parameters, spec.Training.Steps) / (train * 1e12),
            EvaluateOperations(spec, parameters, pairs) / (evaluate * 1e12), parameters, train, evaluate, pairs, basis);
    }

    /// <summary>Counts the operations of a training.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="parameters">Parameters of the model.</param>
    /// <param name="steps">Optimizer steps.</param>
    /// <returns>Floating-point operations.</returns>
    internal static double TrainOperations(RunSpec spec, double parameters, int steps) =>
        6 * parameters * steps * spec.Training.BatchSize * spec.Training.AccumulationSteps * TokensPerPair;

    /// <summary>Counts the operations of both models' translations.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="parameters">Parameters of the model.</param>
    /// <param name="testPairs">Sentences of the test set.</param>
    /// <returns>Floating-point operations.</returns>
    internal static double EvaluateOperations(RunSpec spec, double parameters, int testPairs) =>
        2 * parameters * 2 * testPairs * spec.Directions().Count * TokensPerPair;
}
