using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Keeps the rates that rehearsals reached on this machine, for the estimates of the next ones: the newest of each size
/// of model, method and number of processors.
/// </summary>
/// <param name="stateDirectory">The state folder; its <c>rehearsal-rates.json</c> may be deleted at any time.</param>
public sealed class RehearsalRates(string stateDirectory)
{
    private const int MostRates = 50;

    /// <summary>Largest ratio of the sizes of two models that are counted as equally fast; chosen.</summary>
    private const double SameSize = 2;

    private readonly Lock _lock = new();
    private readonly string _path = Path.Combine(stateDirectory, "rehearsal-rates.json");

    /// <summary>Finds the rates for a run: those of the model nearest in size, of the same method.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="parameters">Parameters of its model.</param>
    /// <returns>null for a run that pays, and if no rehearsal of a model of this size has ended here.</returns>
    public RehearsalRate? Find(RunSpec spec, double parameters)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (!spec.IsRehearsal || !(parameters > 0))
        {
            return null;
        }

        lock (_lock)
        {
            return Load().Where(rate => rate.Method == spec.Training.Method
                    && rate.Processors == Environment.ProcessorCount && Distance(rate) <= Math.Log(SameSize))
                .OrderBy(Distance).ThenByDescending(rate => rate.At).FirstOrDefault();
        }

        double Distance(RehearsalRate rate) => Math.Abs(Math.Log(rate.Parameters / parameters));
    }

    /// <summary>Keeps rates in place of earlier ones of the same model's size, method and machine.</summary>
    /// <param name="rate">The rates; impossible ones are not kept.</param>
    public void Remember(RehearsalRate rate)
    {
        ArgumentNullException.ThrowIfNull(rate);
        if (!rate.IsPossible)
        {
            return;
        }

        lock (_lock)
        {
            var all = Load();
            var old = all.Find(rate.IsOfTheSameKind);

            // A run that lost a TPU cannot tell how long it was without computing.
            var kept = rate with { RestSeconds = rate.RestSeconds ?? old?.RestSeconds };
            Store([.. all.Where(each => each != old).Append(kept).OrderByDescending(each => each.At).Take(MostRates)]);
        }
    }

    private List<RehearsalRate> Load()
    {
        try
        {
            var read = File.Exists(_path)
                ? JsonSerializer.Deserialize<List<RehearsalRate?>>(File.ReadAllText(_path), RunLedger.Json)
                : null;
            return [.. (read ?? []).OfType<RehearsalRate>().Where(rate => rate.IsPossible)];
        }
        catch (JsonException)
        {
            // The file only improves estimates; without it they are guesses again, and say so.
            return [];
        }
    }

    private void Store(IReadOnlyList<RehearsalRate> all)
    {
        Directory.CreateDirectory(stateDirectory);
        var aside = _path + ".new";
        File.WriteAllText(aside, JsonSerializer.Serialize(all, RunLedger.Json));
        File.Move(aside, _path, overwrite: true);
    }
}

/// <summary>Rates that a rehearsal reached on this machine.</summary>
/// <param name="RunId">The rehearsal.</param>
/// <param name="At">Time of its report.</param>
/// <param name="Parameters">Parameters of its model.</param>
/// <param name="Method">full or lora.</param>
/// <param name="Processors">Processors of the machine.</param>
/// <param name="TrainTflops">
/// Rate of training in TFLOP/s, with the operations of an estimate: pairs at 40 tokens, whatever their length.
/// </param>
/// <param name="EvaluateTflops">Rate of translating, counted in the same way.</param>
/// <param name="RestSeconds">Seconds of a node without computing; null if not known.</param>
public sealed record RehearsalRate(
    RunId RunId, DateTimeOffset At, double Parameters, string Method, int Processors, double TrainTflops,
    double EvaluateTflops, double? RestSeconds)
{
    /// <summary>Gets a value indicating whether these can be rates of a machine.</summary>
    internal bool IsPossible => IsPositive(Parameters) && IsPositive(TrainTflops) && IsPositive(EvaluateTflops)
        && RestSeconds is null or (>= 0 and < double.PositiveInfinity);

    /// <summary>Returns whether other rates are of the same model's size, method and machine.</summary>
    internal bool IsOfTheSameKind(RehearsalRate other) =>
        (Parameters, Method, Processors) == (other.Parameters, other.Method, other.Processors);

    private static bool IsPositive(double value) => value is > 0 and < double.PositiveInfinity;
}
