using System.Globalization;
using Microsoft.DurableTask;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Readiness;
using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Chooses the places to try for a TPU and their order, and estimates the cost. Decides which version of the model the
/// run uses, where it is in a place that may change.
/// </summary>
/// <param name="catalog">Has the prices.</param>
/// <param name="ledger">Gets the facts.</param>
/// <param name="inputs">Reads what users bring.</param>
/// <param name="artifacts">Where artifacts are; null: in the run's folder.</param>
/// <param name="readiness">Looks at the cloud before a run that pays goes on; null: nobody does.</param>
public sealed class PlanActivity(
    PriceCatalog catalog, RunLedger ledger, InputWork inputs, RunArtifacts? artifacts = null,
    CloudReadiness? readiness = null)
    : TaskActivity<RunSpec, RunPlan>
{
    private readonly RunArtifacts _artifacts = artifacts ?? new RunArtifacts(ledger);

    /// <summary>From the request of a node until its worker computes, besides training; chosen.</summary>
    private const double CloudBootSeconds = 180, RehearsalBootSeconds = 8;

    /// <summary>Share of the slice's peak that a fine-tuning of short pairs reaches; a careful guess.</summary>
    private const double AssumedUtilisation = 0.25;

    /// <summary>Rate of a two-core machine in rehearsal, in TFLOP/s; an order of magnitude.</summary>
    private const double RehearsalTflops = 0.1;

    /// <inheritdoc />
    public override async Task<RunPlan> RunAsync(TaskActivityContext context, RunSpec input)
    {
        await RequireReadyAsync(input);
        var sources = new RunSources(ledger, _artifacts);
        var source = await inputs.RunAsync(
            input.RunId, token => sources.FindModelAsync(input, token).GetAwaiter().GetResult());
        var plan = Plan(input, ParameterCount(source));
        plan = plan with { Transfer = await TransferAsync(input, source, plan.Candidates[0].Region) };
        ledger.Append(input.RunId, LedgerKinds.Plan, "plan", plan);
        if (plan.EstimatedUsd > input.BudgetUsd && !input.AllowOverBudget)
        {
            throw new RunFaultException(
                "BUDGET_BELOW_ESTIMATE",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The run would cost about {plan.EstimatedUsd:0.00} USD, and its budget is "
                    + $"{input.BudgetUsd:0.00} USD: it would be paid for and stopped without a model."),
                "Raise budgetUsd, ask for fewer steps or a cheaper accelerator, or set allowOverBudget to true.");
        }

        return plan;
    }

    /// <summary>What is wrong with the cloud is told in seconds, not after an hour of zones that refuse.</summary>
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
    /// <returns>The plan.</returns>
    /// <exception cref="RunFaultException">An accelerator type is unknown, or no zone offers it.</exception>
    internal RunPlan Plan(RunSpec spec, double parameters)
    {
        var candidates = new List<Candidate>();
        foreach (var type in spec.Tpu.AcceleratorTypes)
        {
            if (!catalog.AcceleratorTypes.Contains(type))
            {
                throw new RunFaultException(
                    "UNKNOWN_ACCELERATOR", $"tpu.acceleratorTypes names '{type}', which is not in the price catalog.",
                    $"Use one of: {string.Join(", ", catalog.AcceleratorTypes)}.");
            }

            var zone = spec.Tpu.Zones is [var first, ..] ? first : "";
            var chips = catalog.At(type, zone, spec.Tpu.Provisioning, null).Chips;
            if (!spec.IsRehearsal && chips > ChipsOfOneHost(type))
            {
                throw new RunFaultException(
                    "SEVERAL_HOSTS_UNSUPPORTED",
                    $"tpu.acceleratorTypes names '{type}', whose {chips} chips are on several hosts; a run uses one.",
                    "Use a type of one host, such as v5litepod-8 or v6e-8.");
            }

            candidates.AddRange(spec.Tpu.Zones.Count == 0
                ? catalog.Offers(type, spec.Tpu.Provisioning, spec.Tpu.RuntimeVersion)
                : spec.Tpu.Zones.Select(each =>
                    catalog.At(type, each, spec.Tpu.Provisioning, spec.Tpu.RuntimeVersion)));
        }

        var best = candidates[0];
        var seconds = EstimateSeconds(spec, parameters, catalog.PeakTflops(best.AcceleratorType));
        return new RunPlan(candidates, seconds / 3600 * best.UsdPerHour, seconds);
    }

    /// <summary>A host of v5e and v6e has up to eight chips, one of the other generations four.</summary>
    private static int ChipsOfOneHost(string type) =>
        type.StartsWith("v5litepod-", StringComparison.Ordinal) || type.StartsWith("v6e-", StringComparison.Ordinal)
            ? 8
            : 4;

    /// <summary>
    /// Training costs 6 floating-point operations for each parameter and token, decoding 2 (Kaplan et al. 2020,
    /// section 2.1); two models translate the test set.
    /// </summary>
    private static double EstimateSeconds(RunSpec spec, double parameters, double peakTflops)
    {
        const double TokensPerPair = 40;
        var trained = (double)spec.Training.Steps * spec.Training.BatchSize * spec.Training.AccumulationSteps
            * TokensPerPair;
        var translated = 2.0 * spec.Data.MaxTestPairs * TokensPerPair;
        var flops = parameters * (6 * trained + 2 * translated);
        return spec.IsRehearsal
            ? RehearsalBootSeconds + flops / (RehearsalTflops * 1e12)
            : CloudBootSeconds + flops / (peakTflops * AssumedUtilisation * 1e12);
    }

    /// <summary>The model's way to the worker, and what it costs; a rehearsal's costs nothing.</summary>
    private async Task<ModelTransfer?> TransferAsync(RunSpec spec, ModelSource source, string region)
    {
        if (spec.IsRehearsal || _artifacts.Setting is not { Scheme: ArtifactScheme.CloudStorage } bucket)
        {
            return source.IsLocal ? null : new ModelTransfer(source.Address.ToText(), source.Bytes, 0, 0);
        }

        var stores = _artifacts.StoreOf(spec);
        var place = await LocationAsync(bucket);
        var gibibytes = source.Bytes / (double)(1 << 30);

        // Into Google's cloud costs nothing.
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
                // Who may read objects may not know where their bucket is; the dearest place is assumed.
                return "";
            }
        });
    }

    private static double ParameterCount(ModelSource source)
    {
        // Stored parameters take two or four bytes; counting the larger errs towards the smaller model by a factor of
        // two, which is within what an estimate made before the corpus is read can promise.
        return source.WeightBytes / 2.0;
    }
}
