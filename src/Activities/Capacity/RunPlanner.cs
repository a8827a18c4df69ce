using System.Globalization;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.ModelFiles;
using Workflows.Orchestrations;
using Workflows.Translation.Corpora;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Makes the plan of a request without a run: the same places, prices and refusals, and the alternatives to them.
/// </summary>
/// <param name="catalog">The types, zones and prices.</param>
/// <param name="memory">The recent refusals.</param>
/// <param name="ledger">The ledger; it is not written to.</param>
/// <param name="artifacts">Resolves the stores of models.</param>
/// <param name="programs">Counts the memory of programs; null to count none.</param>
/// <param name="inputs">Reads the corpus, to count the passes over it; null to count none.</param>
/// <param name="rates">Rates of earlier rehearsals; null for none.</param>
/// <param name="clock">Gives the time; null for this machine's.</param>
public sealed class RunPlanner(
    PriceCatalog catalog, CapacityMemory memory, RunLedger ledger, RunArtifacts artifacts,
    IProgramMemory? programs = null, InputWork? inputs = null, RehearsalRates? rates = null, TimeProvider? clock = null)
{
    private readonly ModelSizes _sizes = new(ledger, artifacts);

    /// <summary>Previews the plan.</summary>
    /// <param name="spec">The request, completed.</param>
    /// <param name="withinHours">Most hours on the TPU, for the choice within them; null for none.</param>
    /// <param name="cancellation">Cancels the read of the model.</param>
    /// <returns>The preview.</returns>
    /// <exception cref="RunFaultException">The run would end before it had places: the model cannot be read, or a type
    /// cannot be used.</exception>
    public async Task<PlanPreview> PreviewAsync(
        RunSpec spec, double? withinHours, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var places = PlaceList.Of(catalog, spec);
        var (source, config) = await _sizes.ReadAsync(spec, cancellation);
        var parameters = ModelSizes.ParametersOf(source);
        var memoryOf = PlaceMemory.Finder(catalog, programs, config, spec);
        var (counts, counting) = await CountAsync(spec, cancellation);
        var measured = rates?.Find(spec, parameters);
        TimeEstimate Estimate(string type) => RunEstimate.Of(
            spec, parameters, catalog.PeakTflops(type), measured, spec.IsRehearsal ? counts?.Test : null);
        var rows = places.Select(
            (place, index) => Row(spec, place, index + 1, Estimate(place.AcceleratorType), memoryOf(place))).ToList();

        // A place that refused lately is tried once its refusal expires, so the run's own plan may use it for its
        // estimate. A place that is too small or too dear is never tried.
        var planned = rows.Find(row => new PlaceMemory(row.LeastGib, row.HbmGib).Fits
            && PlaceList.IsWithinPrice(row.UsdPerHour, spec)) ?? rows[0];
        var first = rows.Find(row => row.IsIn) ?? planned;
        var estimate = Estimate(first.AcceleratorType);
        var onDemand = PlaceList.OnDemand(catalog, spec).Where(place => memoryOf(place).Fits).ToList();
        var outline = DeadlinePlan.Outline(
            spec, estimate, Fastest(rows, spec),
            onDemand.Select(place => memory.LongestWait(spec.Project, place)).Max() ?? spec.Pace.BootSeconds, onDemand,
            Now());
        var frontier = PlanChoice.FrontierOf(Choices(spec, Estimate, rows, memoryOf));
        var epochs = counts is { } some && some.Train > 0
            ? new PreparedData("", "", some.Train, some.Test, new Dictionary<string, int>()).Epochs(spec.Training)
            : (double?)null;
        var usd = estimate.Total / 3600 * places[first.Order - 1].UsdPerHour;
        return new PlanPreview
        {
            Model = source.Address.ToText(),
            Parameters = parameters,
            Estimate =
            [
                Part("boot", estimate.Rest), Part("train", estimate.Train), Part("evaluate", estimate.Evaluate),
            ],
            EstimatedSeconds = estimate.Total,
            EstimatedUsd = usd,
            BudgetUsd = spec.BudgetUsd,
            TrainPairs = counts?.Train,
            Epochs = epochs,
            Places = rows,
            Frontier = frontier,
            BestWithinHours = frontier.LastOrDefault(each => each.Seconds <= withinHours * 3600),
            Refusal = RefusalOf(spec, rows, planned.Usd)
                ?? (outline is { IsFeasible: false }
                    ? DeadlinePlan.Fault(spec, outline.NeededSeconds, Now()).Failure : null),
            Deadline = outline,
            Notes =
            [
                .. DeadlineNotes(spec, outline), .. Notes(spec, source, config, estimate.Basis), .. counting,
                .. VerdictWording.ManyEpochs(epochs),
            ],
        };

        EstimatePart Part(string stage, double seconds) => new(
            stage, seconds, seconds / 3600 * places[first.Order - 1].UsdPerHour);
    }

    private DateTimeOffset Now() => (clock ?? TimeProvider.System).GetUtcNow();

    /// <summary>Returns the expected time on the fastest type that the run may use.</summary>
    private static double Fastest(IReadOnlyList<PlannedPlace> rows, RunSpec spec)
    {
        var usable = rows.Where(row => new PlaceMemory(row.LeastGib, row.HbmGib).Fits
            && PlaceList.IsWithinPrice(row.UsdPerHour, spec)).ToList();
        return (usable.Count > 0 ? usable : rows).Min(row => row.Seconds);
    }

    private static IEnumerable<string> DeadlineNotes(RunSpec spec, DeadlineOutline? outline)
    {
        if (outline is { OnDemandUsd: { } usd } && usd > spec.BudgetUsd)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"On demand the whole run costs about {usd:0.00} USD, more than budgetUsd: if spot fails, the budget "
                + $"may stop the run before its deadline.");
        }

        if (outline is { SpotUntil: null } && spec.Tpu.Provisioning == ProvisioningMode.Spot)
        {
            yield return spec.Tpu.Fallback == SpotFallback.None
                ? "The deadline rests on spot alone: tpu.fallback is \"none\"."
                : "The deadline rests on spot alone: no place on demand is within tpu.maxUsdPerHour.";
        }
    }

    /// <summary>
    /// Counts the pairs as the preparation does. A corpus that cannot be used is a note: the run would end at its
    /// preparation, before anything is rented.
    /// </summary>
    private async Task<((int Train, int Test)? Counts, IReadOnlyList<string> Notes)> CountAsync(
        RunSpec spec, CancellationToken cancellation)
    {
        if (inputs is null)
        {
            return (null, []);
        }

        try
        {
            var counts = await inputs.RunAsync(spec.RunId, stop =>
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, cancellation);
                return RunCorpus.Count(spec, inputs.Bytes, either.Token);
            });
            return counts is null
                ? (null, ["Passes over the training pairs are counted by the run: the corpus is elsewhere."])
                : (counts, TooSmall(counts.Value.Train, counts.Value.Test));
        }
        catch (CorpusException exception)
        {
            return (null, [$"The run would end at its preparation. {exception.ErrorCode}: {exception.Message}"]);
        }
        catch (RunFaultException exception) when (!cancellation.IsCancellationRequested)
        {
            return (null, [$"Passes over the training pairs were not counted: {exception.Failure.Message}"]);
        }
    }

    private static IReadOnlyList<string> TooSmall(int train, int test) =>
        train >= PrepareDataActivity.LeastTrain && test >= PrepareDataActivity.LeastTest ? [] : [
            $"The run would end at its preparation. CORPUS_TOO_SMALL: {train} training and {test} test pairs can be "
            + $"used, expected at least {PrepareDataActivity.LeastTrain} and {PrepareDataActivity.LeastTest}."];

    private static RunFailure? RefusalOf(RunSpec spec, IReadOnlyList<PlannedPlace> rows, double usd)
    {
        var sizes = rows.DistinctBy(row => row.AcceleratorType).ToDictionary(
            row => row.AcceleratorType, row => new PlaceMemory(row.LeastGib, row.HbmGib), StringComparer.Ordinal);
        var fits = rows.Where(row => sizes[row.AcceleratorType].Fits).ToList();
        return rows.All(row => !PlaceList.IsWithinPrice(row.UsdPerHour, spec))
            ? PlaceList.TooDear(rows.Min(row => row.UsdPerHour), spec).Failure
            : !fits.Any(row => PlaceList.IsWithinPrice(row.UsdPerHour, spec))
            ? PlaceList.Refusal(sizes).Failure
            : PlanActivity.OverBudget(spec, usd)?.Failure;
    }

    private PlannedPlace Row(RunSpec spec, Candidate place, int order, TimeEstimate estimate, PlaceMemory size)
    {
        var seconds = estimate.Total;
        var refused = memory.Find(spec.Project, place);
        var (isIn, why) = (size, refused) switch
        {
            ({ Fits: false }, _) => (false, string.Create(
                CultureInfo.InvariantCulture,
                $"Its chips have {size.HbmGib:0.0} GiB, and the training step needs {size.LeastGib:0.0} at the "
                + $"least.")),
            _ when !PlaceList.IsWithinPrice(place.UsdPerHour, spec) => (false, string.Create(
                CultureInfo.InvariantCulture,
                $"It costs {place.UsdPerHour:0.00##} USD an hour, above tpu.maxUsdPerHour of "
                + $"{spec.Tpu.MaxUsdPerHour:0.00##}.")),
            (_, { } remembered) => (false,
                $"It refused lately, and is passed over until {remembered.Until:u}: {remembered.Code}. "
                + $"{remembered.Reason}"),
            ({ LeastGib: { } least, HbmGib: { } has }, _) => (true, string.Create(
                CultureInfo.InvariantCulture,
                $"Weights, moments and rows take {least:0.0} of {has:0.0} GiB a chip; what lives while a step runs "
                + $"comes on top.")),
            _ => (true, "Its memory was not compared."),
        };
        return new PlannedPlace(
            order, place.Zone, place.AcceleratorType, place.Provisioning, place.Chips, place.UsdPerHour, seconds,
            seconds / 3600 * place.UsdPerHour, isIn, why, size.LeastGib, size.HbmGib, refused);
    }

    /// <summary>Lists the request's places, and every single-host type in its cheapest zone, in both modes.</summary>
    private IEnumerable<PlanChoice> Choices(
        RunSpec spec, Func<string, TimeEstimate> estimate, IReadOnlyList<PlannedPlace> rows,
        Func<Candidate, PlaceMemory> memoryOf)
    {
        foreach (var row in rows.Where(row => row.IsIn))
        {
            yield return new PlanChoice(
                row.AcceleratorType, row.Zone, row.Provisioning, row.Seconds, row.Usd, IsAsked: true);
        }

        foreach (var type in catalog.AcceleratorTypes)
        {
            foreach (var mode in Enum.GetValues<ProvisioningMode>())
            {
                if (catalog.Offers(type, mode, null).FirstOrDefault(place => memory.Find(spec.Project, place) is null)
                    is { } place && place.Chips <= PlaceList.ChipsOfOneHost(type) && memoryOf(place).Fits
                    && PlaceList.IsWithinPrice(place.UsdPerHour, spec))
                {
                    var seconds = estimate(type).Total;
                    yield return new PlanChoice(
                        type, place.Zone, mode, seconds, seconds / 3600 * place.UsdPerHour, IsAsked: false);
                }
            }
        }
    }

    private IReadOnlyList<string> Notes(
        RunSpec spec, ModelSource source, Gemma3Config? config, string basis) =>
    [
        "An estimate is an order of magnitude: 6 operations for each weight and token of training, 2 of decoding, "
            + $"pairs of 40 tokens. {basis} Preemptions are not in it, nor is the search for a place.",
        spec.IsRehearsal
            ? "A rehearsal computes on this machine and costs nothing: seconds are this machine's, money is the list "
                + "price."
            : programs is null || config is null
            ? "Memory was not counted: the model's configuration cannot be read, or nobody here builds programs."
            : "Memory is that of the training step's arguments by the program's own shapes, split over the chips, as "
                + "'workflows compile' counts it; with --plugin libtpu it counts all.",
        .. source.IsLocal ? Array.Empty<string>()
            : ["Egress of the model is not in it; the run's own plan has it."],
    ];
}
