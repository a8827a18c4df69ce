using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>Estimates the time that a run takes on its TPU.</summary>
/// <remarks>
/// An earlier run's rate is used if there is one. Otherwise a program takes the longer of its operations at the chips'
/// peak and of its bytes at their memory's bandwidth (the roofline model, Williams et al. 2009), over a share that
/// trainings are known to reach.
/// </remarks>
internal static class RunEstimate
{
    /// <summary>
    /// Share of the roofline that programs reach: the lowest among published trainings on TPUs, 29.4 % of a v5p's peak
    /// in the example of MaxText's guide to its logs; its other examples reach 45 to 72 %. Those count no
    /// recomputation, which is counted here, so that the share is a little lower still.
    /// </summary>
    internal const double PublishedShare = 0.294;

    /// <summary>Seconds from the request for a node until its worker computes; chosen.</summary>
    private const double CloudRestSeconds = 180, RehearsalRestSeconds = 8;

    /// <summary>Rate of a two-core machine in TFLOP/s: a guess, until a rehearsal has measured it.</summary>
    private const double GuessedTflops = 0.1;

    /// <summary>Estimates a run.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="work">The work of its programs, and the slice.</param>
    /// <param name="steps">Optimizer steps.</param>
    /// <param name="measured">Rates of an earlier run there; null if none was measured.</param>
    /// <param name="type">The accelerator type, for the text.</param>
    /// <returns>The parts, without the assumptions.</returns>
    internal static TimeEstimate Of(RunSpec spec, RunWork work, int steps, MeasuredRate? measured, string type)
    {
        var train = steps * work.Step.Flops;
        var evaluate = TranslateOperations(spec, work.Batch.Flops / work.TextsPerBatch, work.TestPairs);
        var (trainRate, evaluateRate) = measured is not null
            ? (measured.TrainingTflops * 1e12, measured.TranslatingTflops * 1e12)
            : spec.IsRehearsal
            ? (GuessedTflops * 1e12, GuessedTflops * 1e12)
            : (work.RateOf(work.Step) * PublishedShare, work.RateOf(work.Batch) * PublishedShare);
        return new TimeEstimate(
            measured?.RestSeconds ?? (spec.IsRehearsal ? RehearsalRestSeconds : CloudRestSeconds), train / trainRate,
            evaluate / evaluateRate, work.Parameters, trainRate / 1e12, evaluateRate / 1e12, work.TestPairs,
            Basis(spec, work, measured, type))
        {
            Source = measured is not null ? EstimateSource.Measured
                : spec.IsRehearsal ? EstimateSource.Assumed
                : work.Source,
            StepTflop = work.Step.Flops / 1e12,
            TextTflop = work.Batch.Flops / work.TextsPerBatch / 1e12,
        };
    }

    /// <summary>Lists the assumptions about rates.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="work">The work of its programs, and the slice.</param>
    /// <param name="measured">Rates of an earlier run there; null if none was measured.</param>
    /// <returns>One sentence each.</returns>
    internal static IEnumerable<string> Assumptions(RunSpec spec, RunWork work, MeasuredRate? measured)
    {
        if (measured is null && spec.IsRehearsal)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"This machine computes at {GuessedTflops} TFLOP/s, a guess.");
        }
        else if (measured is null)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"Programs reach {PublishedShare:P1} of the bound by the chips' peak and their memory's bandwidth, the "
                + $"lowest share of a peak among published trainings on TPUs (MaxText's guide to its logs, a v5p; its "
                + $"other examples reach 45 to 72 %).");
            if (work.GigabytesPerSecond is null)
            {
                yield return "The bandwidth of the chips' memory is not in the price catalog, and does not count.";
            }
        }

        if (measured?.RestSeconds is null)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"A node takes {(spec.IsRehearsal ? RehearsalRestSeconds : CloudRestSeconds):0} s without computing: "
                + $"boot, loading the model, compilation, giving back.");
        }
    }

    /// <summary>Counts the operations of both models' translations.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="perText">Operations of one translation by one model.</param>
    /// <param name="testPairs">Sentences of the test set.</param>
    /// <returns>Operations, in the unit of <paramref name="perText"/>.</returns>
    internal static double TranslateOperations(RunSpec spec, double perText, int testPairs) =>
        2.0 * testPairs * spec.Directions().Count * perText;

    private static string Basis(RunSpec spec, RunWork work, MeasuredRate? measured, string type) =>
        (measured, spec.IsRehearsal, work.Source) switch
        {
            ({ } rate, _, _) => string.Create(
                CultureInfo.InvariantCulture,
                $"The rates are those that {(spec.IsRehearsal ? "rehearsal" : "run")} {rate.RunId} measured on "
                + $"{(spec.IsRehearsal ? "this machine" : type)}: {rate.TrainingTflops:G3} TFLOP/s of training, "
                + $"{rate.TranslatingTflops:G3} of translating."),
            (_, true, _) => string.Create(
                CultureInfo.InvariantCulture,
                $"The rate is a guess, {GuessedTflops} TFLOP/s, until a rehearsal of a model of this size has "
                + $"ended on this machine."),
            (_, _, EstimateSource.Compiled) => string.Create(
                CultureInfo.InvariantCulture,
                $"The work is that of the run's own programs as {work.Compiler ?? "the compiler"} compiled them, at "
                + $"{PublishedShare:P1} of what the chips' peak and memory bandwidth allow."),
            (_, _, EstimateSource.Ir) => string.Create(
                CultureInfo.InvariantCulture,
                $"The work is counted from the run's own programs, at {PublishedShare:P1} of what the chips' peak and "
                + $"memory bandwidth allow."),
            _ => string.Create(
                CultureInfo.InvariantCulture,
                $"The work is assumed, at {PublishedShare:P1} of what the chips' peak and memory bandwidth allow."),
        };
}

/// <summary>The work of a run's programs, and the slice that does it.</summary>
/// <param name="Step">An optimizer step.</param>
/// <param name="Batch">The translation of a batch by one model.</param>
/// <param name="TextsPerBatch">Texts of a batch, 1 or more.</param>
/// <param name="TestPairs">Sentences of the test set.</param>
/// <param name="Parameters">Parameters of the model.</param>
/// <param name="Chips">Chips of the slice.</param>
/// <param name="PeakTflops">Peak of the slice in TFLOP/s.</param>
/// <param name="GigabytesPerSecond">Bandwidth of the slice's memory in GB/s; null if not known.</param>
/// <param name="Source">Source of the work.</param>
internal sealed record RunWork(
    WorkCount Step, WorkCount Batch, int TextsPerBatch, int TestPairs, double Parameters, int Chips, double PeakTflops,
    double? GigabytesPerSecond, EstimateSource Source)
{
    /// <summary>Gets the compiler; null if none counted the work.</summary>
    public string? Compiler { get; init; }

    /// <summary>Returns the operations a second of a program at the slice's roofline.</summary>
    /// <param name="work">The program.</param>
    /// <returns>FLOP/s.</returns>
    public double RateOf(WorkCount work)
    {
        var seconds = Math.Max(
            work.Flops / (PeakTflops * 1e12), work.Bytes / ((GigabytesPerSecond ?? double.PositiveInfinity) * 1e9));
        return seconds > 0 ? work.Flops / seconds : PeakTflops * 1e12;
    }
}
