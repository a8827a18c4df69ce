using System.Globalization;
using System.Text.Json;
using Microsoft.DurableTask;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Events;
using Workflows.Activities.Readiness;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.Translation.Corpora;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Chooses the places to try for a TPU and their order, and estimates the cost. Fixes the version of the model that the
/// run uses, if the model's source can change.
/// </summary>
/// <param name="catalog">The prices.</param>
/// <param name="ledger">Receives the facts.</param>
/// <param name="inputs">Reads users' files.</param>
/// <param name="artifacts">The place of artifacts; null for the run's folder.</param>
/// <param name="readiness">Checks the cloud before a run that pays continues; null for no checks.</param>
/// <param name="programs">Counts and compiles programs; if null, no place is left out for its memory.</param>
/// <param name="rates">Rates of earlier runs; null for none.</param>
/// <param name="clock">Gives the time; null for this machine's.</param>
/// <param name="memory">What is remembered of places; null for nothing.</param>
public sealed class PlanActivity(
    PriceCatalog catalog, RunLedger ledger, InputWork inputs, RunArtifacts? artifacts = null,
    CloudReadiness? readiness = null, IRunPrograms? programs = null, MeasuredRates? rates = null,
    TimeProvider? clock = null, CapacityMemory? memory = null)
    : TaskActivity<RunSpec, RunPlan>
{
    private readonly RunArtifacts _artifacts = artifacts ?? new RunArtifacts(ledger);
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;

    /// <inheritdoc />
    public override async Task<RunPlan> RunAsync(TaskActivityContext context, RunSpec input)
    {
        await RequireReadyAsync(input);
        var sources = new RunSources(ledger, _artifacts);
        var sizes = new ModelSizes(ledger, _artifacts);
        var (source, config, corpus) = await inputs.RunAsync(input.RunId, token =>
        {
            var found = sources.FindModelAsync(input, token).GetAwaiter().GetResult();
            return (found, programs is null ? null : sizes.ConfigAsync(input, found, token).GetAwaiter().GetResult(),
                SizeOf(input, found, token));
        });
        var figures = new RunFigures(catalog, programs, rates, config, source.WeightBytes, input, corpus);

        var places = PlaceList.WithinPrice(PlaceList.Of(catalog, input), input);
        await inputs.UntilOverAsync(input.RunId, stop => figures.CompileAsync(places, stop));
        var found = FoundBy(input);
        var model = (await ModelWay.FindAsync(catalog, _artifacts, input, source, CancellationToken.None))?.With(
            RunTraffic.Of(input, figures, corpus, found?.CheckpointStep ?? 0, found is { IsTrained: true }));
        var quotas = input.IsRehearsal || readiness is null
            ? QuotaLimits.Unknown : await readiness.QuotasAsync(input.Project, CancellationToken.None);
        var plan = await WithImagesAsync(input, Plan(input, figures, found, model, quotas));
        plan = plan with { Transfer = model?.To(plan.Candidates[0].Region) };

        // A part of a run plans again once it is approved, and what it plans then counts.
        var key = RunEventFacts.DecisionOf(ledger, input.RunId) is null ? "plan" : "approved";
        if (found is null)
        {
            ledger.AppendInPart(
                input.RunId, LedgerKinds.Ways, key,
                PlanWays.Of(catalog, memory, input, figures, RankingOf(input, figures, found, model), quotas, plan));
        }

        plan = Remaining(input, plan, figures, found);
        ledger.AppendInPart(input.RunId, LedgerKinds.Plan, key, plan);
        var others = VariantMoney.TakenByOthers(ledger, input, _clock.GetUtcNow());
        return (OverBudget(input, plan.EstimatedUsd, others) ?? BelowReserve(input, plan, found)) is { } fault
            ? throw fault : plan;
    }

    /// <summary>Gives each place an image that its zone lists, unless the request names one.</summary>
    private async Task<RunPlan> WithImagesAsync(RunSpec spec, RunPlan plan)
    {
        if (spec.IsRehearsal || readiness is null || spec.Tpu.RuntimeVersion is not null)
        {
            return plan;
        }

        List<Candidate> all = [.. plan.Candidates, .. plan.OnDemand ?? []];
        var images = await readiness.RuntimesAsync(
            spec.Project, all.Select(place => place.Zone), CancellationToken.None);
        var said = images.Say(all);
        return plan with
        {
            Time = said.Count == 0 ? plan.Time : plan.Time! with
            {
                Assumptions = [.. plan.Time.Assumptions ?? [], .. said],
            },
            Candidates = [.. plan.Candidates.Select(images.Fit)],
            OnDemand = plan.OnDemand is null ? null : [.. plan.OnDemand.Select(images.Fit)],
        };
    }

    private FoundFact? FoundBy(RunSpec spec) => RunParts.Current(ledger.Read(spec.RunId))
        .LastOrDefault(entry => entry.Kind == LedgerKinds.Found)?.Data.Deserialize<FoundFact>(RunLedger.Json);

    /// <summary>Returns the expected time of what is left of a run on a type.</summary>
    private static TimeEstimate TimeOf(RunSpec spec, RunFigures figures, FoundFact? found, string type) => found switch
    {
        null => figures.EstimateOf(type),
        { IsTranslated: true } => figures.EstimateOf(type, 0) with { Rest = 0, Evaluate = 0 },
        _ => figures.EstimateOf(
            type, found.IsTrained ? 0 : Math.Max(0, spec.Training.Steps - found.CheckpointStep)),
    };

    /// <summary>Estimates a run that is resumed: the cost until now, and the work that is left.</summary>
    private RunPlan Remaining(RunSpec spec, RunPlan plan, RunFigures figures, FoundFact? found)
    {
        if (found is null)
        {
            return plan;
        }

        var place = plan.Candidates[0];
        var seconds = TimeOf(spec, figures, found, place.AcceleratorType).Total;
        var cost = RunCosts.Of(ledger, spec.RunId, _clock.GetUtcNow());
        return plan with
        {
            EstimatedUsd = cost.ActualUsd + seconds / 3600 * place.UsdPerHour,
            EstimatedSeconds = cost.BilledSeconds + seconds,
        };
    }

    /// <summary>Creates the fault of a run that would be stopped for its cost.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="usd">Its estimate in US dollars.</param>
    /// <param name="others">The part of the budget that other variants of its group have spent or are planned to
    /// spend, in US dollars.</param>
    /// <returns>null if the run may continue.</returns>
    internal static RunFaultException? OverBudget(RunSpec spec, double usd, double others = 0)
    {
        var less = others > 0
            ? string.Create(CultureInfo.InvariantCulture, $", of which other variants have spent or need {others:0.00}")
            : "";
        return usd + others <= spec.BudgetUsd || spec.AllowOverBudget ? null : new RunFaultException(
            "BUDGET_BELOW_ESTIMATE",
            string.Create(
                CultureInfo.InvariantCulture,
                $"The run would cost about {usd:0.00} USD, and its budget is "
                + $"{spec.BudgetUsd:0.00} USD{less}: it would be paid for and stopped without a model."),
            "Raise budgetUsd, ask for fewer steps or a cheaper accelerator, or set allowOverBudget to true.");
    }

    /// <summary>Creates the fault of a run that would end at its first request, whose budget could only give a node
    /// back. A run that may be over its budget is no other: it would wait for its corpus in vain.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="leastUsdPerHour">The lowest price of its places.</param>
    /// <param name="spentUsd">Its cost until now, of a variant that of its whole group.</param>
    /// <returns>null if a node would be asked for.</returns>
    internal static RunFaultException? BelowReserve(RunSpec spec, double leastUsdPerHour, double spentUsd = 0)
    {
        var kept = RunCosts.ToStop(leastUsdPerHour, spec.Pace);
        return spec.BudgetUsd - spentUsd > kept ? null : new RunFaultException(
            "BUDGET_BELOW_ESTIMATE",
            string.Create(
                CultureInfo.InvariantCulture,
                $"budgetUsd is {spec.BudgetUsd:0.00##} USD"
                + $"{(spentUsd > 0 ? $", of which {spentUsd:0.00##} are spent" : "")}, and giving back a node of the "
                + $"cheapest place may cost {kept:0.00##} USD: none would be asked for."),
            string.Create(
                CultureInfo.InvariantCulture,
                $"Raise budgetUsd above {spentUsd + kept:0.00##}, or ask for a cheaper accelerator."));
    }

    /// <summary>Creates the same fault of a planned run, unless it needs no node of its own.</summary>
    private RunFaultException? BelowReserve(RunSpec spec, RunPlan plan, FoundFact? found) =>
        spec.Handed is not null || found is { IsTranslated: true } ? null
            : BelowReserve(
                spec, plan.Candidates.Concat(plan.OnDemand ?? []).Min(place => place.UsdPerHour),
                RunCosts.Of(ledger, spec.Group?.Id ?? spec.RunId, _clock.GetUtcNow()).ActualUsd);

    /// <summary>Reports problems of the cloud in seconds, not after an hour of zones that refuse.</summary>
    private async Task RequireReadyAsync(RunSpec input)
    {
        if (input.IsRehearsal || readiness is null)
        {
            return;
        }

        var failed = (await readiness.QuickAsync(input, CancellationToken.None))
            .Where(line => line.Level == ReadinessLevel.Fail).ToList();
        if (failed.Count > 0)
        {
            throw new RunFaultException(
                "CLOUD_NOT_READY", string.Join(" ", failed.Select(line => $"{line.Check}: {line.Finding}")),
                string.Join(" ", failed.Select(line => $"{line.Check}: {line.Fix}"))
                + " 'workflows doctor REQUEST' checks everything.");
        }
    }

    /// <summary>Makes the plan.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="figures">Memory and work of its programs.</param>
    /// <param name="found">What there is of a run that is resumed; null for one that begins.</param>
    /// <param name="model">The model's way to its nodes; null if its transfer costs nothing.</param>
    /// <param name="quotas">The project's quotas; null if none is known.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="RunFaultException">An accelerator type is unknown, has several hosts or too little memory,
    /// every place is above the price, or none is fast enough for the deadline.</exception>
    internal RunPlan Plan(
        RunSpec spec, RunFigures figures, FoundFact? found = null, ModelWay? model = null, QuotaLimits? quotas = null)
    {
        var now = _clock.GetUtcNow();
        var all = PlaceList.WithinPrice(PlaceList.Of(catalog, spec), spec);
        var ranking = RankingOf(spec, figures, found, model);
        var limits = quotas ?? QuotaLimits.Unknown;
        var places = ranking.Order(limits.LeaveOut(DeadlinePlan.InTime(
            PlaceList.ThatFit(all, figures.MemoryOf), spec, now,
            type => TimeOf(spec, figures, found, type).Total)));
        var onDemand = ranking.Order(limits.LeaveOut(
        [
            .. PlaceList.OnDemand(catalog, spec)
                .Where(each => places.Any(place => place.AcceleratorType == each.AcceleratorType)),
        ]));
        var best = places[0];
        var time = figures.EstimateOf(best.AcceleratorType);
        return new RunPlan(places, time.Total / 3600 * best.UsdPerHour, time.Total)
        {
            Time = time,
            Memory = figures.MemoryOf(all),
            OnDemand = onDemand.Count > 0 ? onDemand : null,
            Egress = model?.PlanOf([.. places, .. onDemand], ranking.CostOf(best).ExpectedLosses),
        };
    }

    private PlaceRanking RankingOf(RunSpec spec, RunFigures figures, FoundFact? found, ModelWay? model) =>
        new(memory, catalog, spec, type => TimeOf(spec, figures, found, type), model, _clock.GetUtcNow());

    /// <summary>
    /// Counts the pairs and their tokens, if the corpus is on this machine. A corpus that cannot be used is the
    /// preparation's to report.
    /// </summary>
    private CorpusSize? SizeOf(RunSpec spec, ModelSource source, CancellationToken cancellation)
    {
        try
        {
            return RunCorpus.Count(
                spec, inputs.Bytes, PairTokens.CounterOf(programs, spec, source), cancellation);
        }
        catch (CorpusException)
        {
            return null;
        }
    }
}
