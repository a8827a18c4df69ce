using System.Globalization;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Readiness;
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
/// <param name="programs">Counts and compiles programs; null to count none.</param>
/// <param name="inputs">Reads the corpus, to count the passes over it; null to count none.</param>
/// <param name="rates">Rates of earlier runs; null for none.</param>
/// <param name="clock">Gives the time; null for this machine's.</param>
/// <param name="readiness">Reads the quotas of runs that pay; null to read none.</param>
public sealed class RunPlanner(
    PriceCatalog catalog, CapacityMemory memory, RunLedger ledger, RunArtifacts artifacts,
    IRunPrograms? programs = null, InputWork? inputs = null, MeasuredRates? rates = null, TimeProvider? clock = null,
    CloudReadiness? readiness = null)
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
        var listed = PlaceList.Of(catalog, spec);
        var (source, config) = await _sizes.ReadAsync(spec, cancellation);
        var (counts, counting) = await CountAsync(spec, source, cancellation);
        var figures = new RunFigures(catalog, programs, rates, config, source.WeightBytes, spec, counts);
        await figures.CompileAsync(
            listed.Where(place => PlaceList.IsWithinPrice(place.UsdPerHour, spec)), cancellation);
        var (model, quotas, unread) = await PlanQuestions.AskAsync(
            catalog, artifacts, readiness, clock ?? TimeProvider.System, spec, source, cancellation);
        model = model?.With(RunTraffic.Of(spec, figures, counts));
        var ranking = new PlaceRanking(memory, catalog, spec, type => figures.EstimateOf(type), model, Now());
        var places = ranking.Order(listed);
        List<Candidate> wanted = [.. places.Where(place => figures.MemoryOf(place.AcceleratorType).Fits
            && PlaceList.IsWithinPrice(place.UsdPerHour, spec))];
        var enough = quotas.LeaveOut(wanted).ToHashSet();
        var rows = places.Select((place, index) => Row(
            spec, place, index + 1, figures.EstimateOf(place.AcceleratorType),
            figures.MemoryOf(place.AcceleratorType), ranking.CostOf(place), quotas.LackOf(place),
            wanted.Contains(place) && !enough.Contains(place))).ToList();

        // A place that refused lately is tried once its refusal expires, so the run's own plan may use it for its
        // estimate. A place that is too small or too dear, or whose quota is too small, is never tried.
        var planned = rows.Find(row => enough.Contains(places[row.Order - 1])) ?? rows[0];
        var first = rows.Find(row => row.IsIn) ?? planned;
        var estimate = figures.EstimateOf(first.AcceleratorType);
        var onDemand = PlaceList.OnDemand(catalog, spec)
            .Where(place => figures.MemoryOf(place.AcceleratorType).Fits).ToList();
        var outline = DeadlinePlan.Outline(
            spec, estimate, Fastest(rows, spec, figures),
            onDemand.Select(place => memory.LongestWait(spec.Project, place)).Max() ?? spec.Pace.BootSeconds, onDemand,
            Now());
        var frontier = PlanChoice.FrontierOf(Choices(spec, figures, rows, ranking, quotas));
        var epochs = counts is { TrainPairs: > 0 } some
            ? new PreparedData("", "", some.TrainPairs, some.TestPairs, new Dictionary<string, int>())
                .Epochs(spec.Training)
            : (double?)null;
        var usd = estimate.Total / 3600 * places[first.Order - 1].UsdPerHour;
        return new PlanPreview
        {
            Model = source.Address.ToText(),
            Parameters = figures.Parameters,
            Estimate =
            [
                Part("boot", estimate.Rest), Part("train", estimate.Train), Part("evaluate", estimate.Evaluate),
            ],
            EstimatedSeconds = estimate.Total,
            EstimatedUsd = usd,
            BudgetUsd = spec.BudgetUsd,
            Egress = model?.PlanOf([places[first.Order - 1]], first.Expected!.ExpectedLosses)?.Expected,
            TrainPairs = counts?.TrainPairs,
            Epochs = epochs,
            Places = rows,
            Order = spec.Tpu.Order,
            Frontier = frontier,
            BestWithinHours = frontier.LastOrDefault(each => each.ExpectedSeconds <= withinHours * 3600),
            Refusal = RefusalOf(spec, rows, figures, planned.Usd)
                ?? (outline is { IsFeasible: false }
                    ? DeadlinePlan.Fault(spec, outline.NeededSeconds, Now()).Failure : null),
            Deadline = outline,
            Compiler = figures.Compiler,
            Assumptions = estimate.Assumptions ?? [],
            Notes =
            [
                .. DeadlineNotes(spec, outline, places), .. Notes(spec, config, estimate), .. figures.Faults,
                .. PlanQuestions.OrderNotes(spec, rows), .. unread, .. counting,
                .. VerdictWording.ManyEpochs(epochs),
            ],
        };

        EstimatePart Part(string stage, double seconds) => new(
            stage, seconds, seconds / 3600 * places[first.Order - 1].UsdPerHour,
            stage == "boot" && estimate.Source != EstimateSource.Measured
                ? EstimateSource.Assumed
                : estimate.Source ?? EstimateSource.Assumed);
    }

    private DateTimeOffset Now() => (clock ?? TimeProvider.System).GetUtcNow();

    /// <summary>Returns the expected time on the fastest type that the run may use.</summary>
    private static double Fastest(IReadOnlyList<PlannedPlace> rows, RunSpec spec, RunFigures figures)
    {
        var usable = rows.Where(row => figures.MemoryOf(row.AcceleratorType).Fits
            && PlaceList.IsWithinPrice(row.UsdPerHour, spec)).ToList();
        return (usable.Count > 0 ? usable : rows).Min(row => row.Seconds);
    }

    private static IEnumerable<string> DeadlineNotes(
        RunSpec spec, DeadlineOutline? outline, IReadOnlyList<Candidate> places)
    {
        if (outline is { OnDemandUsd: { } usd } && usd > spec.BudgetUsd)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"On demand the whole run costs about {usd:0.00} USD, more than budgetUsd: if spot fails, the budget "
                + $"may stop the run before its deadline.");
        }

        if (outline is { SpotUntil: not null } && PricePatience.LeavesOut(places))
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"Spot places above {PricePatience.Dear} times the cheapest price of their type are asked once "
                + $"{1 - PricePatience.Kept:0 %} of the spare time is used, or little is left, if the rate is "
                + $"measured.");
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
    private async Task<(CorpusSize? Counts, IReadOnlyList<string> Notes)> CountAsync(
        RunSpec spec, ModelSource source, CancellationToken cancellation)
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
                return RunCorpus.Count(
                    spec, inputs.Bytes, PairTokens.CounterOf(programs, spec, source), either.Token);
            });
            return counts is null
                ? (null, ["Passes over the training pairs are counted by the run: the corpus is elsewhere."])
                : (counts, TooSmall(counts.TrainPairs, counts.TestPairs));
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

    private static RunFailure? RefusalOf(
        RunSpec spec, IReadOnlyList<PlannedPlace> rows, RunFigures figures, double usd)
    {
        // As the run does: the price first, then the memory of what is left.
        List<PlannedPlace> paid = [.. rows.Where(row => PlaceList.IsWithinPrice(row.UsdPerHour, spec))];
        var sizes = paid.DistinctBy(row => row.AcceleratorType).ToDictionary(
            row => row.AcceleratorType, row => figures.MemoryOf(row.AcceleratorType), StringComparer.Ordinal);
        return paid.Count == 0
            ? PlaceList.TooDear(rows.Min(row => row.UsdPerHour), spec).Failure
            : !sizes.Values.Any(size => size.Fits)
            ? PlaceList.Refusal(sizes).Failure
            : (PlanActivity.OverBudget(spec, usd) ?? PlanActivity.BelowReserve(
                spec, paid.Where(row => sizes[row.AcceleratorType].Fits).Min(row => row.UsdPerHour)))?.Failure;
    }

    private PlannedPlace Row(
        RunSpec spec, Candidate place, int order, TimeEstimate estimate, PlaceMemory size, PlaceCost expected,
        ReadQuota? lack, bool isLeftOut)
    {
        var seconds = estimate.Total;
        var refused = memory.Find(spec.Project, place);
        var (isIn, why) = (size, refused) switch
        {
            ({ Refusal: { } refusal }, _) => (false, $"The compiler refuses the run's programs there: {refusal}"),
            ({ Fits: false }, _) => (false, string.Create(
                CultureInfo.InvariantCulture,
                $"Its chips have {size.HbmGib:0.0} GiB, and the run's programs need {size.LeastGib:0.0} "
                + $"{(size.Source == EstimateSource.Compiled ? "as compiled" : "at the least")}.")),
            _ when !PlaceList.IsWithinPrice(place.UsdPerHour, spec) => (false, string.Create(
                CultureInfo.InvariantCulture,
                $"It costs {place.UsdPerHour:0.00##} USD an hour, above tpu.maxUsdPerHour of "
                + $"{spec.Tpu.MaxUsdPerHour:0.00##}.")),
            _ when isLeftOut && lack is not null => (false,
                $"Its quota is too small: {QuotaLimits.Words(lack, place.AcceleratorType)}. Ask for more at "
                + $"https://console.cloud.google.com/iam-admin/quotas?project={spec.Project}"),
            (_, { } remembered) => (false,
                $"It refused lately, and is passed over until {remembered.Until:u}: {remembered.Code}. "
                + $"{remembered.Reason}"),
            ({ LeastGib: { } all, HbmGib: { } of, Source: EstimateSource.Compiled }, _) => (true, string.Create(
                CultureInfo.InvariantCulture,
                $"The run's programs take {all:0.0} of {of:0.0} GiB a chip as compiled.")),
            ({ LeastGib: { } least, HbmGib: { } has }, _) => (true, string.Create(
                CultureInfo.InvariantCulture,
                $"Weights, moments and rows take {least:0.0} of {has:0.0} GiB a chip; what lives while a step runs "
                + $"comes on top.")),
            _ => (true, "Its memory was not compared."),
        };
        return new PlannedPlace(
            order, place.Zone, place.AcceleratorType, place.Provisioning, place.Chips, place.UsdPerHour, seconds,
            seconds / 3600 * place.UsdPerHour, isIn, why, size.LeastGib, size.HbmGib, refused)
        {
            MemorySource = size.Source,
            TimeSource = estimate.Source,
            Expected = expected,
            Quota = lack,
        };
    }

    /// <summary>
    /// Lists the request's places, and every single-host type in its cheapest zone, spot and on demand. Flex-start is
    /// counted at the price on demand, so it adds no choice.
    /// </summary>
    private IEnumerable<PlanChoice> Choices(
        RunSpec spec, RunFigures figures, IReadOnlyList<PlannedPlace> rows, PlaceRanking ranking, QuotaLimits quotas)
    {
        foreach (var row in rows.Where(row => row.IsIn))
        {
            yield return new PlanChoice(
                row.AcceleratorType, row.Zone, row.Provisioning, row.Seconds, row.Usd, IsAsked: true)
            {
                Source = row.TimeSource,
                ExpectedSeconds = row.Expected!.ExpectedSeconds,
                ExpectedUsd = row.Expected.ExpectedUsd,
            };
        }

        foreach (var (place, cost) in PlanWays.OfCatalog(catalog, memory, spec, figures, ranking, quotas))
        {
            var estimate = figures.EstimateOf(place.AcceleratorType);
            yield return new PlanChoice(
                place.AcceleratorType, place.Zone, place.Provisioning, estimate.Total,
                estimate.Total / 3600 * place.UsdPerHour, IsAsked: false)
            {
                Source = estimate.Source,
                ExpectedSeconds = cost.ExpectedSeconds,
                ExpectedUsd = cost.ExpectedUsd,
            };
        }
    }

    private IReadOnlyList<string> Notes(
        RunSpec spec, Gemma3Config? config, TimeEstimate estimate) =>
    [
        $"An estimate is an order of magnitude. {estimate.Basis} Preemptions are not in it, nor is the search for a "
            + "place; the expected cost of a place has both.",
        spec.IsRehearsal
            ? "A rehearsal computes on this machine and costs nothing: seconds are this machine's, money is the list "
                + "price."
            : programs is null || config is null
            ? "Memory was not counted: the model's configuration cannot be read, or nobody here builds programs."
            : "Memory whose source is 'compiled' is all that the programs need, by the compiler of the chips; that of "
                + "'ir' is the least: weights, moments and rows of the training step, split over the chips.",
        .. spec.Tpu.Provisioning != ProvisioningMode.FlexStart ? Array.Empty<string>()
            : [FlexStartNote(spec, estimate.Total / 3600)],
    ];

    private static string FlexStartNote(RunSpec spec, double hours) => string.Create(
        CultureInfo.InvariantCulture,
        $"Flex-start: the cloud deletes each node {spec.Tpu.MaxRunHours:0.###} hours after its start (tpu.maxRunHours)")
        + (hours > spec.Tpu.MaxRunHours ? ", which is before the work is done: another node continues it" : "")
        + ". The catalog has no price for it, so it is counted at the price on demand.";
}
