using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Keeps the rates that runs reached, for the estimates of the next ones: of rehearsals on this machine, and of runs
/// that paid on each accelerator type; the newest of each size of model and method.
/// </summary>
/// <param name="state">The store; its <c>measured-rates.json</c> may be deleted at any time.</param>
public sealed class MeasuredRates(IStateStore state)
{
    private const string Name = "measured-rates.json";

    private const int MostRates = 50;

    /// <summary>Largest ratio of the sizes of two models that are counted as equally fast; chosen.</summary>
    private const double SameSize = 2;

    /// <summary>Opens the rates in a state folder.</summary>
    /// <param name="stateDirectory">The folder.</param>
    public MeasuredRates(string stateDirectory)
        : this(new FolderState(stateDirectory))
    {
    }

    /// <summary>Finds the rates for a run: those of the model nearest in size, of the same method.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="parameters">Parameters of its model.</param>
    /// <param name="acceleratorType">The type on which it would compute; a rehearsal computes on this machine.</param>
    /// <returns>null if no run of a model of this size has ended there.</returns>
    public MeasuredRate? Find(RunSpec spec, double parameters, string acceleratorType)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (!(parameters > 0))
        {
            return null;
        }

        return Of(state.Read(Name)).Where(rate => rate.Method == spec.Training.Method
                && Distance(rate) <= Math.Log(SameSize)
                && (spec.IsRehearsal
                    ? rate.AcceleratorType is null && rate.Processors == Environment.ProcessorCount
                    : rate.AcceleratorType == acceleratorType))
            .OrderBy(Distance).ThenByDescending(rate => rate.At).FirstOrDefault();

        double Distance(MeasuredRate rate) => Math.Abs(Math.Log(rate.Parameters / parameters));
    }

    /// <summary>Keeps rates in place of earlier ones of the same model's size, method and machine.</summary>
    /// <param name="rate">The rates; impossible ones are not kept.</param>
    public void Remember(MeasuredRate rate)
    {
        ArgumentNullException.ThrowIfNull(rate);
        if (!rate.IsPossible)
        {
            return;
        }

        state.Change(Name, content =>
        {
            var all = Of(content);
            var old = all.Find(rate.IsOfTheSameKind);

            // A run that lost a TPU cannot tell how long it was without computing.
            var kept = rate with { RestSeconds = rate.RestSeconds ?? old?.RestSeconds };
            return JsonSerializer.SerializeToUtf8Bytes(
                all.Where(each => each != old).Append(kept).OrderByDescending(each => each.At).Take(MostRates),
                RunLedger.Json);
        });
    }

    private static List<MeasuredRate> Of(byte[]? content)
    {
        try
        {
            var read = content is null
                ? null : JsonSerializer.Deserialize<List<MeasuredRate?>>(content, RunLedger.Json);
            return [.. (read ?? []).OfType<MeasuredRate>().Where(rate => rate.IsPossible)];
        }
        catch (JsonException)
        {
            // The file only improves estimates; without it they are guesses again, and say so.
            return [];
        }
    }
}

/// <summary>Rates that a run reached.</summary>
/// <param name="RunId">The run.</param>
/// <param name="At">Time of its report.</param>
/// <param name="Parameters">Parameters of its model.</param>
/// <param name="Method">full or lora.</param>
/// <param name="Processors">Processors of this machine.</param>
/// <param name="TrainingTflops">
/// Rate of training in TFLOP/s, with the operations that its plan counted. An earlier version counted pairs of 40
/// tokens under another name; its rates are not read.
/// </param>
/// <param name="TranslatingTflops">Rate of translating, counted in the same way.</param>
/// <param name="RestSeconds">Seconds of a node without computing; null if not known.</param>
public sealed record MeasuredRate(
    RunId RunId, DateTimeOffset At, double Parameters, string Method, int Processors, double TrainingTflops,
    double TranslatingTflops, double? RestSeconds)
{
    /// <summary>Gets the accelerator type that computed; null for this machine, in a rehearsal.</summary>
    public string? AcceleratorType { get; init; }

    /// <summary>Gets a value indicating whether these can be rates of a machine.</summary>
    internal bool IsPossible => IsPositive(Parameters) && IsPositive(TrainingTflops) && IsPositive(TranslatingTflops)
        && RestSeconds is null or (>= 0 and < double.PositiveInfinity);

    /// <summary>Returns whether other rates are of the same model's size, method and machine.</summary>
    internal bool IsOfTheSameKind(MeasuredRate other) =>
        (Parameters, Method, Processors, AcceleratorType)
        == (other.Parameters, other.Method, other.Processors, other.AcceleratorType);

    private static bool IsPositive(double value) => value is > 0 and < double.PositiveInfinity;
}
