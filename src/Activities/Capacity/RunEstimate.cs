using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>Time on the TPU that a run is expected to take, by its parts, in seconds.</summary>
/// <param name="Boot">From the request for a node until its worker computes.</param>
/// <param name="Train">Training.</param>
/// <param name="Evaluate">Translation of the test set with both models, in all directions of the request
/// together.</param>
/// <remarks>
/// 2.1); two models translate the test set. The result is an order of magnitude: pairs are counted at 40 tokens, and a
/// share of the chips' peak is assumed.
/// chips' peak is assumed.
/// </remarks>
public sealed record RunEstimate(double Boot, double Train, double Evaluate)
{
    /// <summary>Seconds from the request for a node until its worker computes; chosen.</summary>
    private const double CloudBootSeconds = 180, RehearsalBootSeconds = 8;

    /// <summary>Share of the slice's peak that a fine-tuning of short pairs reaches; a conservative guess.</summary>
    private const double AssumedUtilisation = 0.25;

    /// <summary>Rate of a two-core machine in rehearsal, in TFLOP/s; an order of magnitude.</summary>
    private const double RehearsalTflops = 0.1;

    private const double TokensPerPair = 40;

    /// <summary>Gets the sum, in seconds.</summary>
    public double Total => Boot + Train + Evaluate;

    /// <summary>Estimates a run.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="parameters">Parameters of the model.</param>
    /// <param name="peakTflops">Peak rate of the slice in TFLOP/s; not used by a rehearsal.</param>
    /// <returns>The parts.</returns>
    public static RunEstimate Of(RunSpec spec, double parameters, double peakTflops)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var trained = (double)spec.Training.Steps * spec.Training.BatchSize * spec.Training.AccumulationSteps
            * TokensPerPair;
        var translated = 2.0 * spec.Data.MaxTestPairs * TokensPerPair;
        var rate = (spec.IsRehearsal ? RehearsalTflops : peakTflops * AssumedUtilisation) * 1e12;
        return new RunEstimate(
            spec.IsRehearsal ? RehearsalBootSeconds : CloudBootSeconds,
            parameters * 6 * trained / rate, parameters * 2 * translated / rate);
    }
}
