using Microsoft.DurableTask.Client;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Activities.Resuming;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Files;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Starts another run from the request of a run, from its beginning or with the finished work of that run.
/// </summary>
internal sealed class RunRerunner(
    DurableTaskClient client, RunLedger ledger, RunArtifacts artifacts, RunService runs, PriceCatalog catalog,
    IRehearsalCloud rehearsal, UploadReferences uploads)
{
    /// <summary>The stages with which a rerun can begin.</summary>
    private static readonly RunStageName[] Stages =
        [RunStageName.Prepare, RunStageName.Train, RunStageName.Evaluate, RunStageName.Report];

    /// <summary>Fields that may change in any case; a name that ends with a dot is that of a group.</summary>
    private static readonly string[] Free =
    [
        "id", "name", "budgetUsd", "maxHours", "deadline", "afterDeadline", "allowOverBudget", "allowHostProcessor",
        "approval", "approval.", "tpu.", "rehearsal.",
    ];

    /// <summary>Fields on which a tuned model and its translations do not depend.</summary>
    private static readonly string[] OfScores =
        ["evaluation.bleuTokenizer", "evaluation.bootstrapSamples", "evaluation.seed"];

    /// <summary>Fields on which a tuned model does not depend.</summary>
    private static readonly string[] OfEvaluation = ["evaluation."];

    /// <summary>Fields on which a prepared corpus and its checks do not depend.</summary>
    private static readonly string[] OfTraining =
    [
        "training.steps", "training.batchSize", "training.accumulationSteps", "training.method", "training.lora",
        "training.lora.", "training.schedule", "training.maxGradientNorm", "training.keep",
        "training.keepCheckpoints", "training.learningRate", "training.warmupSteps", "training.weightDecay",
        "training.checkpointEverySteps", "training.seed", "evaluation.batchSize", "evaluation.beamSize",
        "evaluation.lengthPenalty",
    ];

    private readonly FinishedWork _work = new(ledger, artifacts);

    /// <summary>Reads the stage with which a rerun begins.</summary>
    /// <returns>The stage; null for the first one.</returns>
    /// <exception cref="RunRequestException">It is none.</exception>
    public static RunStageName? StageOf(string? given)
    {
        if (given is null)
        {
            return null;
        }

        return WireName.TryParse<RunStageName>(given, out var stage) && Stages.Contains(stage)
            ? stage == RunStageName.Prepare ? null : stage
            : throw new RunRequestException([new FieldError(
                "from", $"'{SafeText.Of(given, 50)}' is no stage with which a run can begin.",
                $"Use {string.Join(", ", Stages.Select(each => WireName.Of(each)))}, or leave it out.")]);
    }

    /// <summary>Starts the run.</summary>
    /// <param name="runId">The run whose request is repeated, whatever its state.</param>
    /// <param name="changes">The changed fields, a JSON object; empty for none.</param>
    /// <param name="from">The stage with which the new run begins, with the work before it; null for the first.</param>
    /// <param name="key">As for a start.</param>
    /// <param name="caller">The caller, and why.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The new run, and whether it was there before; or a refusal; or neither for an unknown run.</returns>
    /// <exception cref="RunRequestException">A field is wrong, or cannot be changed with that stage.</exception>
    public async Task<((RunId RunId, bool WasThere)? Made, Refused? Refused)> RerunAsync(
        RunId runId, string changes, RunStageName? from, string? key, CallerNote caller, CancellationToken cancellation)
    {
        var instance = await client.GetInstanceAsync(runId.Value, getInputsAndOutputs: true, cancellation);
        if (instance is null || !RunService.IsRun(instance))
        {
            return (null, null);
        }

        var spec = instance.ReadInputAs<RunSpec>()!;
        changes = uploads.ResolveChanges(string.IsNullOrWhiteSpace(changes) ? "{}" : changes, spec.IsRehearsal);
        var request = SpecRequest.Again(spec, changes, catalog);
        if (from is { } stage)
        {
            GroupRuns.RequireNone(spec, request);
            RequireSame(spec, request, stage);
            if (await RefusalAsync(spec, request, stage, cancellation) is { } refusal)
            {
                return (null, refusal);
            }
        }

        // The scenario is the emulated project's, unless the changes name another one.
        var scenario = spec.IsRehearsal && request.Rehearsal is not null
            && RunRequestReader.Parse(changes).Rehearsal is null ? rehearsal.ScenarioOf(spec.Project) : null;
        var origin = new RunOrigin { Of = runId, From = from, By = caller.By, Reason = caller.Reason };
        return (await runs.StartAsync(request, key, cancellation, origin, scenario), null);
    }

    /// <summary>Returns whether the work of the stages before one does not depend on a field.</summary>
    public static bool MayChange(RunStageName from, string field)
    {
        string[] allowed = from switch
        {
            RunStageName.Train => [.. Free, .. OfTraining, .. OfScores],
            RunStageName.Evaluate => [.. Free, .. OfEvaluation],
            _ => [.. Free, .. OfScores],
        };
        return allowed.Any(each => each.EndsWith('.')
            ? field.StartsWith(each, StringComparison.Ordinal) : field == each);
    }

    /// <summary>Refuses changes of fields on which the work that is taken over depends.</summary>
    private void RequireSame(RunSpec spec, RunRequest request, RunStageName from)
    {
        var now = RunRequestReader.CompleteWithoutFiles(request, spec.RunId, catalog);
        var errors = SpecRequest.Differences(spec, now)
            .Where(change => !MayChange(from, change.Field))
            .Select(change => new FieldError(
                change.Field, $"It is {change.From ?? "not set"} in run '{spec.RunId}', whose work depends on it.",
                $"Leave it as it is, or begin with an earlier stage than '{WireName.Of(from)}'."))
            .ToList();
        if (spec.IsRehearsal != now.IsRehearsal)
        {
            errors.Add(new FieldError(
                "rehearsal", "A rehearsal and a run that pays have no work in common.", "Leave it as it is."));
        }

        if (errors.Count > 0)
        {
            throw new RunRequestException(errors);
        }
    }

    private async Task<Refused?> RefusalAsync(
        RunSpec spec, RunRequest request, RunStageName from, CancellationToken cancellation)
    {
        try
        {
            var asked = RunRequestReader.CompleteWithoutFiles(request, spec.RunId, catalog) with
            {
                RunId = spec.RunId,
                Project = spec.Project,
            };
            var (data, isTrained, isTranslated) = await _work.OfferAsync(asked, cancellation);
            var missing = data is null ? "no prepared corpus"
                : from != RunStageName.Train && !isTrained ? "no tuned model of these steps"
                : from == RunStageName.Report && !isTranslated ? "no translations by both models"
                : null;
            var earlier = data is null ? "prepare" : !isTrained ? "train" : "evaluate";
            return missing is null ? null : new Refused(
                StatusCodes.Status409Conflict, "RERUN_WORK_MISSING",
                $"Run '{spec.RunId}' has {missing}, so no run can begin with '{WireName.Of(from)}'. Begin with "
                + $"'{earlier}'.");
        }
        catch (ArtifactException exception)
        {
            return new Refused(
                StatusCodes.Status502BadGateway, exception.ErrorCode,
                $"{exception.Address}: {exception.Problem} {exception.Fix}");
        }
    }
}
