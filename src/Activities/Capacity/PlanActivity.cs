using System.Globalization;
using System.Text.Json;
using Microsoft.DurableTask;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Readiness;
using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.ModelFiles;
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
/// <param name="programs">Counts the memory of programs; if null, no place is left out for its memory.</param>
/// <param name="rates">Rates of earlier rehearsals; null for none.</param>
/// <param name="clock">Gives the time; null for this machine's.</param>
public sealed class PlanActivity(
    PriceCatalog catalog, RunLedger ledger, InputWork inputs, RunArtifacts? artifacts = null,
    CloudReadiness? readiness = null, IProgramMemory? programs = null, RehearsalRates? rates = null,
    TimeProvider? clock = null)
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
        var (source, config, testPairs) = await inputs.RunAsync(input.RunId, token =>
        {
            var found = sources.FindModelAsync(input, token).GetAwaiter().GetResult();
            return (found, input.IsRehearsal || programs is null
                ? null : sizes.ConfigAsync(input, found, token).GetAwaiter().GetResult(),
                input.IsRehearsal ? TestPairs(input, token) : null);
        });
        var plan = Plan(input, ModelSizes.ParametersOf(source), config, testPairs, Left(input));
        plan = plan with { Transfer = await TransferAsync(input, source, plan.Candidates[0].Region) };
        plan = Remaining(input, plan, ModelSizes.ParametersOf(source));
        ledger.AppendInPart(input.RunId, LedgerKinds.Plan, "plan", plan);
        return OverBudget(input, plan.EstimatedUsd) is { } fault ? throw fault : plan;
    }

    /// <summary>Returns the run with the steps that are left of it; null if only its scores are.</summary>
    private RunSpec? Left(RunSpec spec) => FoundBy(spec) switch
    {
        null => spec,
        { IsTranslated: true } => null,
        var found => spec with
        {
            Training = spec.Training with
            {
                Steps = found.IsTrained ? 0 : Math.Max(0, spec.Training.Steps - found.CheckpointStep),
            },
        },
    };

    private FoundFact? FoundBy(RunSpec spec) => RunParts.Current(ledger.Read(spec.RunId))
        .LastOrDefault(entry => entry.Kind == LedgerKinds.Found)?.Data.Deserialize<FoundFact>(RunLedger.Json);

    /// <summary>Estimates a run that is resumed: the cost until now, and the work that is left.</summary>
    private RunPlan Remaining(RunSpec spec, RunPlan plan, double parameters)
    {
        if (FoundBy(spec) is null)
        {
            return plan;
        }

        var place = plan.Candidates[0];
        var seconds = SecondsOf(Left(spec), place.AcceleratorType, parameters, null);
        var cost = RunCosts.Of(ledger, spec.RunId, _clock.GetUtcNow());
        return plan with
        {
            EstimatedUsd = cost.ActualUsd + seconds / 3600 * place.UsdPerHour,
            EstimatedSeconds = cost.BilledSeconds + seconds,
        };
    }

    private double SecondsOf(RunSpec? left, string type, double parameters, int? testPairs) => left is null ? 0
        : RunEstimate.Of(left, parameters, catalog.PeakTflops(type), rates?.Find(left, parameters), testPairs).Total;

    /// <summary>Creates the fault of a run that would be stopped for its cost.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="usd">Its estimate in US dollars.</param>
    /// <returns>null if the run may continue.</returns>
    internal static RunFaultException? OverBudget(RunSpec spec, double usd) =>
        usd <= spec.BudgetUsd || spec.AllowOverBudget ? null : new RunFaultException(
            "BUDGET_BELOW_ESTIMATE",
            string.Create(
                CultureInfo.InvariantCulture,
                $"The run would cost about {usd:0.00} USD, and its budget is "
                + $"{spec.BudgetUsd:0.00} USD: it would be paid for and stopped without a model."),
            "Raise budgetUsd, ask for fewer steps or a cheaper accelerator, or set allowOverBudget to true.");

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
    /// <param name="parameters">Parameters of the model.</param>
    /// <param name="model">Its configuration; if null, no place is left out for its memory.</param>
    /// <param name="testPairs">Sentences of the test set; null for the most that the request allows.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="RunFaultException">An accelerator type is unknown, has several hosts or too little memory,
    /// every place is above the price, or none is fast enough for the deadline.</exception>
    internal RunPlan Plan(RunSpec spec, double parameters, Gemma3Config? model = null, int? testPairs = null) =>
        Plan(spec, parameters, model, testPairs, spec);

    private RunPlan Plan(RunSpec spec, double parameters, Gemma3Config? model, int? testPairs, RunSpec? left)
    {
        var memory = PlaceMemory.Finder(catalog, programs, model, spec);
        var now = _clock.GetUtcNow();
        var places = DeadlinePlan.InTime(
            PlaceList.ThatFit(PlaceList.WithinPrice(PlaceList.Of(catalog, spec), spec), memory), spec, now,
            type => SecondsOf(left, type, parameters, testPairs));
        List<Candidate> onDemand =
        [
            .. PlaceList.OnDemand(catalog, spec)
                .Where(each => places.Any(place => place.AcceleratorType == each.AcceleratorType)),
        ];
        var best = places[0];
        var time = RunEstimate.Of(
            spec, parameters, catalog.PeakTflops(best.AcceleratorType), rates?.Find(spec, parameters), testPairs);
        return new RunPlan(places, time.Total / 3600 * best.UsdPerHour, time.Total)
        {
            Time = time,
            OnDemand = onDemand.Count > 0 ? onDemand : null,
        };
    }

    /// <summary>
    /// Counts the sentences of a rehearsal's test set, whose corpus is small and on this machine: its measured rates
    /// deserve it. A corpus that cannot be used is the preparation's to report.
    /// </summary>
    private int? TestPairs(RunSpec spec, CancellationToken cancellation)
    {
        try
        {
            return RunCorpus.Count(spec, inputs.Bytes, cancellation)?.Test;
        }
        catch (CorpusException)
        {
            return null;
        }
    }

    /// <summary>Describes the model's transfer to the worker and its cost; a rehearsal's costs nothing.</summary>
    private async Task<ModelTransfer?> TransferAsync(RunSpec spec, ModelSource source, string region)
    {
        if (spec.IsRehearsal || _artifacts.Setting is not { Scheme: ArtifactScheme.CloudStorage } bucket)
        {
            return source.IsLocal ? null : new ModelTransfer(source.Address.ToText(), source.Bytes, 0, 0);
        }

        var stores = _artifacts.StoreOf(spec);
        var place = await LocationAsync(bucket);
        var gibibytes = source.Bytes / (double)(1 << 30);

        // Transfers into Google's cloud are free.
        var copy = source.Address.Scheme == ArtifactScheme.CloudStorage
            ? catalog.EgressUsdPerGiB(await LocationAsync(source.Address), place) * gibibytes
            : 0;
        return new ModelTransfer(
            source.Address.ToText(), source.Bytes, copy, catalog.EgressUsdPerGiB(place, region) * gibibytes);

        Task<string> LocationAsync(ArtifactUri uri) => RunArtifacts.GuardAsync(async () =>
        {
            try
            {
                return await stores.LocationOfAsync(uri, CancellationToken.None);
            }
            catch (ArtifactException exception) when (exception.Fault == ArtifactFault.Forbidden)
            {
                // An account that may read objects may lack the right to read the bucket's location; the dearest is
                // assumed.
                return "";
            }
        });
    }
}
