using Microsoft.DurableTask.Client;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Workers;

namespace Workflows.Service.Runs;

/// <summary>Knows groups of variants: the ids that belong to them, and the state of each variant.</summary>
internal sealed class GroupRuns(DurableTaskClient client, RunLedger ledger, JobBook jobs, TimeProvider clock)
{
    /// <summary>The fields that a resumed group may change, for people.</summary>
    public const string Changeable =
        "name, budgetUsd, maxHours, deadline, afterDeadline, approval, allowOverBudget, concurrency and stopOnFailure";

    private static readonly string[] Fields = Changeable.Replace(" and ", ", ", StringComparison.Ordinal).Split(", ");

    /// <summary>Returns the orchestration that runs a specification.</summary>
    public static string OrchestratorOf(RunSpec spec) =>
        spec.Variants is null ? nameof(FineTuneOrchestration) : nameof(VariantsOrchestration);

    /// <summary>Returns whether a resumed group may change a field.</summary>
    public static bool MayChange(string field) => Fields.Contains(field.Split('.')[0], StringComparer.Ordinal);

    /// <summary>Refuses a rerun with the finished work of a run, if either of them has variants.</summary>
    /// <exception cref="RunRequestException">One has.</exception>
    public static void RequireNone(RunSpec spec, RunRequest asked)
    {
        if (spec.Variants is not null || asked.Variants is not null)
        {
            throw new RunRequestException([new FieldError(
                "from", "A run with variants begins with its first stage: each variant has finished work of its own.",
                "Leave it out, or rerun one variant: workflows rerun ID-NAME --from STAGE.")]);
        }
    }

    /// <summary>Refuses a run whose id, or that of one of its variants, belongs to another run.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="kept">The artifacts of purged runs.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <exception cref="RunRequestException">An id is taken.</exception>
    public async Task RequireFreeAsync(RunSpec spec, KeptArtifacts kept, CancellationToken cancellation)
    {
        if (await client.GetInstanceAsync(spec.RunId.Value, cancellation) is not null)
        {
            // The same request again, or another one: the start tells.
            return;
        }

        var errors = new List<FieldError>();
        var pending = await VariantsByPrefixAsync(
            [spec.RunId, .. (spec.Variants ?? []).Select(variant => variant.Spec.RunId)], cancellation);
        foreach (var (at, variant) in (spec.Variants ?? []).Index())
        {
            var id = variant.Spec.RunId;
            if (pending.TryGetValue(id, out var other))
            {
                errors.Add(new FieldError(
                    $"variants[{at}].name", $"'{id}' is the id of a variant of run '{other}'.",
                    "Choose another name, or another id for the whole."));
            }
            else if (ledger.Knows(id) || kept.Find(id) is not null
                || await client.GetInstanceAsync(id.Value, cancellation) is not null)
            {
                errors.Add(new FieldError(
                    $"variants[{at}].name", $"There is a run '{id}' already, or its artifacts, and the variant would "
                        + "have its id.",
                    "Choose another name, or another id for the whole."));
            }
        }

        if (pending.TryGetValue(spec.RunId, out var group))
        {
            errors.Add(new FieldError(
                "id", $"'{spec.RunId}' is the id of a variant of run '{group}'.", "Choose another id."));
        }

        if (errors.Count > 0)
        {
            throw new RunRequestException(errors);
        }
    }

    /// <summary>Shows the variants of a run.</summary>
    /// <param name="group">The run's instance, with its input.</param>
    /// <param name="cancellation">Cancels the calls.</param>
    /// <returns>The variants in the order of the request; null for a run without.</returns>
    public async Task<IReadOnlyList<VariantView>?> VariantsOfAsync(
        OrchestrationMetadata group, CancellationToken cancellation)
    {
        if (group.Name != nameof(VariantsOrchestration))
        {
            return null;
        }

        var views = new List<VariantView>();
        foreach (var variant in group.ReadInputAs<RunSpec>()!.Variants!)
        {
            var id = variant.Spec.RunId;
            var instance = await client.GetInstanceAsync(id.Value, getInputsAndOutputs: true, cancellation);
            views.Add(ViewOf(variant, instance));
        }

        return views;
    }

    private VariantView ViewOf(RunVariant variant, OrchestrationMetadata? instance)
    {
        var id = variant.Spec.RunId;
        if (instance is null)
        {
            return new VariantView(
                variant.Name, id, RunStatus.Pending, RunStageName.Pending, "not begun", 0, null, null, null);
        }

        var stage = instance.SerializedCustomStatus is null ? null : instance.ReadCustomStatusAs<RunStage>();
        var outcome = instance.RuntimeStatus == OrchestrationRuntimeStatus.Completed
            ? instance.ReadOutputAs<RunOutcome>() : null;
        var progress = instance.IsCompleted ? null : jobs.Latest(id);
        return new VariantView(
            variant.Name, id, RunService.StatusOf(instance), stage?.Stage ?? RunStageName.Pending, stage?.Detail ?? "",
            RunCosts.Of(ledger, id, clock.GetUtcNow()).ActualUsd, progress?.Step, progress?.Steps, outcome?.Failure);
    }

    /// <summary>
    /// Returns the variants, which may not have begun, of all groups whose ids are the beginnings of some ids: each
    /// with its group.
    /// </summary>
    private async Task<Dictionary<RunId, RunId>> VariantsByPrefixAsync(
        IReadOnlyList<RunId> ids, CancellationToken cancellation)
    {
        var variants = new Dictionary<RunId, RunId>();
        foreach (var prefix in ids.SelectMany(PrefixesOf).Distinct())
        {
            var instance = await client.GetInstanceAsync(prefix.Value, getInputsAndOutputs: true, cancellation);
            if (instance?.Name == nameof(VariantsOrchestration))
            {
                foreach (var variant in instance.ReadInputAs<RunSpec>()!.Variants!)
                {
                    variants[variant.Spec.RunId] = prefix;
                }
            }
        }

        return variants;
    }

    private static IEnumerable<RunId> PrefixesOf(RunId id)
    {
        for (var dash = id.Value.IndexOf('-', StringComparison.Ordinal); dash > 0;
            dash = id.Value.IndexOf('-', dash + 1))
        {
            if (RunId.TryParse(id.Value[..dash], out var prefix))
            {
                yield return prefix;
            }
        }
    }
}
