using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DurableTask.Core.Exceptions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.Service.Files;
using Workflows.Service.Hosting;
using Workflows.Service.Workers;

namespace Workflows.Service.Runs;

/// <summary>
/// Starts, shows and cancels runs for the HTTP API, the messages and the command line.
/// </summary>
internal sealed class RunService(
    DurableTaskClient client, RunLedger ledger, JobBook jobs, MetricsLog metrics, IRehearsalCloud rehearsal,
    PriceCatalog catalog, TransferBoard transfers, IdempotencyKeys keys, SpendLimits limits,
    WorkForesight foresight, RunIndex index, RunResumer resumer, GroupRuns groups, UploadReferences uploads,
    InputRoots roots, TimeProvider clock)
{
    /// <summary>Every status: a start never replaces an existing run of this id, whatever its state.</summary>
    private static readonly OrchestrationRuntimeStatus[] Every =
        Enum.GetValues<OrchestrationRuntimeStatus>();

    private readonly KeptArtifacts _kept = new(ledger.State);

    /// <summary>Starts a run durably. Once this returns, the run continues after any crash of the service.</summary>
    /// <param name="request">The request.</param>
    /// <param name="key">Names the request: the same key starts the same run once. null for a new run.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <param name="origin">Who starts it, and what it repeats; null for neither.</param>
    /// <param name="scenario">The scenario of a rehearsal; null for that of the request.</param>
    /// <returns>The run's id, and whether it existed before.</returns>
    /// <exception cref="RunRequestException">The request is wrong, or its id belongs to another request.</exception>
    public async Task<(RunId RunId, bool WasThere)> StartAsync(
        RunRequest request, string? key, CancellationToken cancellation, RunOrigin? origin = null,
        string? scenario = null)
    {
        var made = key is null ? NewId() : IdOf(key);
        if ((key ?? request.Id) is not null
            && await IsThereAsync(request, made, key, origin, cancellation) is { } there)
        {
            return (there, true);
        }

        request = uploads.Resolve(request);
        var spec = RunRequestReader.Complete(request, made, catalog, roots) with { Origin = origin };
        DeadlineReader.RequireAhead(spec, clock.GetUtcNow());

        // Never beside a purge of the run, which would delete its key and its ledger.
        return await resumer.AloneAsync(
            spec.RunId,
            () => key is null
                ? ScheduleAsync(request, spec, null, scenario, cancellation)
                : ScheduleKeyedAsync(request, spec, key, scenario, cancellation),
            cancellation);
    }

    private async Task<(RunId RunId, bool WasThere)> ScheduleKeyedAsync(
        RunRequest request, RunSpec spec, string key, string? scenario, CancellationToken cancellation)
    {
        // One at a time from the key to the run: of two requests with one key and two ids only one may start.
        using var alone = await ledger.State.AloneAsync("keyed", cancellation);
        var (holder, isNew) = keys.Claim(key, spec.RunId);
        if (holder != spec.RunId)
        {
            // The service may have stopped between the key and the start of its run.
            await ThrowIfStartedAsync(key, holder, spec.RunId, cancellation);
            keys.Replace(key, spec.RunId);
            isNew = true;
        }

        try
        {
            return await ScheduleAsync(request, spec, isNew ? null : key, scenario, cancellation);
        }
        catch (RunRequestException) when (isNew)
        {
            keys.Release(key);
            throw;
        }
    }

    private async Task<(RunId RunId, bool WasThere)> ScheduleAsync(
        RunRequest request, RunSpec spec, string? key, string? scenario, CancellationToken cancellation)
    {
        var id = spec.RunId;
        if (_kept.Find(id) is { } place)
        {
            throw new RunRequestException([new FieldError(
                "id", $"A run '{id}' was purged, and its artifacts are still at {place.Address}.",
                $"Choose another id or Idempotency-Key, or delete them: DELETE /runs/{id}?artifacts=true.")]);
        }

        // Only activities of a run write its ledger, so a start that was interrupted has none.
        if (ledger.Knows(id) && await client.GetInstanceAsync(id.Value, cancellation) is null)
        {
            throw new RunRequestException(
                [new FieldError(
                    "id",
                    $"A run '{id}' has left its ledger, and the engine does not have it: its purge was interrupted, "
                        + "or the engine has lost it.",
                    $"Choose another id or Idempotency-Key, or delete the rest of it: DELETE /runs/{id}.")],
                RunRequestException.LeftOver);
        }

        await groups.RequireFreeAsync(spec, _kept, cancellation);
        using var reservation = await limits.ReserveAsync(spec, cancellation);
        if (spec.IsRehearsal)
        {
            rehearsal.Prepare(spec.Project, scenario ?? ScenarioFile.Read(request.Rehearsal!.Scenario));
        }

        var letGo = uploads.Hold(spec);
        try
        {
            var options = new StartOrchestrationOptions
            {
                InstanceId = id.Value,
                Version = new TaskVersion(FineTuneOrchestration.Version),
            }.WithDedupeStatuses(Every);
            await client.ScheduleNewOrchestrationInstanceAsync(
                GroupRuns.OrchestratorOf(spec), spec, options, cancellation);
            index.Note(id);
            return (id, false);
        }
        catch (OrchestrationAlreadyExistsException)
        {
            var existing = await client.GetInstanceAsync(id.Value, getInputsAndOutputs: true, cancellation);
            if (existing?.SerializedInput is { } input && IsSame(input, spec))
            {
                return (id, true);
            }

            letGo();
            throw AskedDifferently(id, key);
        }
    }

    /// <summary>
    /// Refuses a request whose key started a run with another id. The key of a request without an id belongs to a run
    /// named by the key, even if an earlier version of this service did not store the key.
    /// </summary>
    private async Task ThrowIfStartedAsync(string key, RunId holder, RunId asked, CancellationToken cancellation)
    {
        if (holder != asked
            && await client.GetInstanceAsync(holder.Value, getInputsAndOutputs: false, cancellation) is not null)
        {
            throw new RunRequestException(
                [new FieldError(
                    "Idempotency-Key",
                    $"The key '{SafeText.Of(key)}' started run '{holder}', and this request would be run '{asked}'.",
                    "Send the same request again, with the same id or none, or choose another key.")],
                RunRequestException.KeyReused);
        }
    }

    /// <summary>
    /// Finds the run of a repeated request. Its files are not read, since they may have been moved.
    /// </summary>
    private async Task<RunId?> IsThereAsync(
        RunRequest request, RunId made, string? key, RunOrigin? origin, CancellationToken cancellation)
    {
        RunSpec spec;
        try
        {
            spec = RunRequestReader.CompleteWithoutFiles(uploads.Neutral(request), made, catalog) with
            {
                Origin = origin,
            };
        }
        catch (RunRequestException)
        {
            // The full check reports it, together with the faults of files.
            return null;
        }

        var holder = key is null ? null : keys.Find(key);
        if (key is not null)
        {
            await ThrowIfStartedAsync(key, holder ?? made, spec.RunId, cancellation);
        }

        var isOfKey = key is not null && (holder ?? made) == spec.RunId;
        return await client.GetInstanceAsync(spec.RunId.Value, getInputsAndOutputs: true, cancellation) switch
        {
            null => null,
            { SerializedInput: { } input } when IsSame(input, spec) => spec.RunId,
            _ => throw AskedDifferently(spec.RunId, isOfKey ? key : null),
        };
    }

    /// <param name="id">The run.</param>
    /// <param name="key">The key that started it; null if another key or none did.</param>
    private static RunRequestException AskedDifferently(RunId id, string? key) =>
        key is null
            ? new([new FieldError(
                "id", $"Run '{id}' exists, and belongs to another request.", "Choose another id, or leave it out.")])
            : new(
                [new FieldError(
                    "Idempotency-Key", $"The key '{SafeText.Of(key)}' started run '{id}' with another request.",
                    "Send the same request again, or choose another key.")],
                RunRequestException.KeyReused);

    /// <summary>Shows a run.</summary>
    /// <returns>null for an unknown run.</returns>
    public async Task<RunView?> FindAsync(RunId runId, CancellationToken cancellation)
    {
        var instance = await client.GetInstanceAsync(runId.Value, getInputsAndOutputs: true, cancellation);
        return instance is null || !IsRun(instance) ? null : ViewOf(instance) with
        {
            Variants = await groups.VariantsOfAsync(instance, cancellation),
        };
    }

    /// <summary>Returns the time of the run's first part: a run that is resumed keeps its place.</summary>
    internal static DateTimeOffset CreatedAt(OrchestrationMetadata instance) =>
        instance.SerializedInput?.Contains("resumption", StringComparison.OrdinalIgnoreCase) == true
            ? instance.ReadInputAs<RunSpec>()!.Resumption?.StartedAt ?? instance.CreatedAt
            : instance.CreatedAt;

    /// <summary>Returns the status of a run.</summary>
    internal static RunStatus StatusOf(OrchestrationMetadata instance) =>
        instance.RuntimeStatus == OrchestrationRuntimeStatus.Completed
            ? instance.ReadOutputAs<RunOutcome>()!.Status
            : instance is { RuntimeStatus: OrchestrationRuntimeStatus.Running, SerializedCustomStatus: not null }
                && instance.ReadCustomStatusAs<RunStage>()?.Suspension is { IsHeld: true }
            ? RunStatus.Suspended
            : StatusOf(instance.RuntimeStatus);

    /// <summary>Requests a run to stop cleanly.</summary>
    /// <returns>null for an unknown run, false for one that has ended.</returns>
    public async Task<bool?> CancelAsync(RunId runId, string reason, CancellationToken cancellation)
    {
        if (await FindAsync(runId, cancellation) is not { } run)
        {
            return null;
        }

        if (!run.HasEnded)
        {
            await client.RaiseEventAsync(runId.Value, RunEvents.Cancel, reason, cancellation);
            return true;
        }

        // A group that was terminated in the engine could not pass the cancellation on, and its variants go on paying.
        var live = (run.Variants ?? []).Where(
            variant => variant.Status is RunStatus.Running or RunStatus.Suspended).ToList();
        foreach (var variant in live)
        {
            await client.RaiseEventAsync(variant.Id.Value, RunEvents.Cancel, reason, cancellation);
        }

        return live.Count > 0;
    }

    internal static bool IsRun(OrchestrationMetadata instance) =>
        instance.Name is nameof(FineTuneOrchestration) or nameof(VariantsOrchestration)
        && RunId.TryParse(instance.InstanceId, out _);

    private RunView ViewOf(OrchestrationMetadata instance)
    {
        var id = new RunId(instance.InstanceId);
        var spec = instance.ReadInputAs<RunSpec>()!;
        var outcome = instance.RuntimeStatus == OrchestrationRuntimeStatus.Completed
            ? instance.ReadOutputAs<RunOutcome>()
            : null;
        var stage = instance.SerializedCustomStatus is null ? null : instance.ReadCustomStatusAs<RunStage>();
        var progress = jobs.Latest(id);

        // The time for which a run was stopped does not belong to the rate of its steps.
        var resumedAt = ledger.Read(id).LastOrDefault(
            entry => entry.Kind is LedgerKinds.Resumed or LedgerKinds.Unsuspended)?.At;
        IReadOnlyList<MetricPoint> curve = outcome is null
            ? [.. metrics.Read(id).Where(point => resumedAt is null || point.At >= resumedAt)]
            : [];
        var plan = ledger.Read<RunPlan>(id, LedgerKinds.Plan).Select(fact => fact.Data).LastOrDefault();
        var status = outcome?.Status ?? StatusOf(instance);
        var failure = outcome?.Failure ?? Crash(instance);
        var cost = RunCosts.Of(ledger, id, clock.GetUtcNow());
        var transfer = transfers.Find(id);
        var losses = VariantLedgers.WithMembers(ledger, id)
            .SelectMany(each => ledger.Read<OpenRecovery>(each, LedgerKinds.Loss)).ToList();
        return new RunView
        {
            Id = id,
            Name = spec.Name,
            Status = status,
            Stage = stage?.Stage ?? RunStageName.Pending,
            Detail = transfer is null ? stage?.Detail ?? "" : TransferBoard.TextOf(transfer),
            Transfer = transfer is null
                ? null : new TransferView(transfer.Name, transfer.Bytes, transfer.TotalBytes),
            CreatedAt = CreatedAt(instance),
            LastUpdatedAt = instance.LastUpdatedAt,
            Progress = progress is null || outcome is not null ? null : new ProgressView(
                progress.Detail, progress.Step, progress.Steps,
                progress.Loss > 0 ? progress.Loss : null, progress.TokensPerSecond, progress.CheckpointStep,
                TimeLeft.Of(curve, losses.Count > 0 ? losses[^1].At : null, progress)),
            AccruedUsd = cost.ActualUsd,
            EstimatedUsd = plan?.EstimatedUsd,
            UsdPerHour = instance.IsCompleted && outcome is not null ? 0 : RunCosts.UsdPerHour(ledger, id),
            BudgetUsd = spec.BudgetUsd,
            Suspension = instance.IsCompleted ? null : stage?.Suspension,
            Approval = instance.IsCompleted ? null : stage?.Approval,
            Waiting = outcome is null ? Waiting(id) : null,
            Deadline = DeadlineFacts.Of(
                ledger, spec, spec.Deadline is null || instance.IsCompleted ? null : foresight.Of(KindOf(id), spec),
                clock.GetUtcNow(), instance.IsCompleted),
            Attempts = VariantLedgers.WithMembers(ledger, id)
                .SelectMany(each => ledger.Read<AttemptEnd>(each, LedgerKinds.Attempt))
                .Count(fact => fact.Data.Outcome != AttemptOutcome.Skipped),
            MaxRunHours = spec.Tpu.MaxRunHours > 0 ? spec.Tpu.MaxRunHours : null,
            Recoveries = losses.Count,
            Failure = failure,
            Origin = spec.Origin,
            Resumptions = (spec.Resumption?.Part ?? 1) - 1,
            Group = spec.Group?.Id,
            Resume = instance.IsCompleted && spec.Group is null
                ? ResumeHint.Of(id, status, failure, spec.BudgetUsd, cost.ActualUsd) : null,
            Report = outcome?.ReportUri ?? Draft(spec, stage),
            Nodes = outcome is not null ? [] : [.. RunCosts.Left(ledger, id, clock.GetUtcNow())
                .Select(left => new NodeView(
                    left.Lease.NodeName.NodeId, left.Lease.Candidate.Zone, left.Seconds, left.Usd))],
            HasEnded = instance.IsCompleted,
        };
    }

    /// <summary>Returns the queued resource that waits: the last attempt, before it has ended or has a node.</summary>
    private WaitingView? Waiting(RunId id)
    {
        return ledger.Read<QueuedFact>(id, LedgerKinds.Queued) is not [.., var (at, fact)]
            || ledger.Read<NodeMoment>(id, LedgerKinds.Ready).Any(ready => ready.Data.NodeName == fact.NodeName)
            || ledger.Read<AttemptEnd>(id, LedgerKinds.Attempt).Any(end => end.Data.Lease.NodeName == fact.NodeName)
            ? null : new WaitingView(fact.Name.Split('/')[3], at, fact.Until);
    }

    /// <summary>Returns the job that a run does, or does next.</summary>
    private JobKind KindOf(RunId id) => RunParts.Current(ledger.Read(id)).Any(
        entry => entry.Kind == LedgerKinds.Stage
            && entry.Data.Deserialize<StageInput>(RunLedger.Json)!.Stage == RunStageName.Evaluate)
        ? JobKind.Translate : JobKind.Train;

    /// <summary>Returns the report that exists before the last node is proved gone.</summary>
    private string? Draft(RunSpec spec, RunStage? stage)
    {
        var isWritten = spec.Variants is not null || stage?.Stage is RunStageName.Teardown or RunStageName.Report;
        var file = spec.Variants is null ? "report.json" : ComparisonFiles.Json;
        var path = Path.Combine(ledger.DirectoryOf(spec.RunId), file);
        return isWritten && (ledger.State.IsShared
            ? ledger.State.Read(RunLedger.NameOf(spec.RunId, file)) is not null : File.Exists(path)) ? path : null;
    }

    private static RunStatus StatusOf(OrchestrationRuntimeStatus status) => status switch
    {
        OrchestrationRuntimeStatus.Pending => RunStatus.Pending,
        OrchestrationRuntimeStatus.Suspended => RunStatus.Suspended,
        OrchestrationRuntimeStatus.Running => RunStatus.Running,
        OrchestrationRuntimeStatus.Terminated => RunStatus.Terminated,
        _ => RunStatus.Failed,
    };

    /// <summary>Reports an orchestration that failed without an outcome as a fault of this program.</summary>
    private static RunFailure? Crash(OrchestrationMetadata instance) => instance.FailureDetails is { } details
        ? new RunFailure("INTERNAL", $"{details.ErrorType}: {details.ErrorMessage}", "Look at the service's log.")
        : null;

    private bool IsSame(string input, RunSpec spec)
    {
        // Read and written again, since a request of an earlier version lacks the fields that were added later.
        // A resumed run is recognised by its first request.
        var first = JsonSerializer.Deserialize<RunSpec>(input);
        // So is one whose uploaded files were replaced meanwhile.
        first = first?.Resumption?.Request ?? first;
        using var before = JsonDocument.Parse(JsonSerializer.Serialize(first is null ? null : Neutral(first)));
        using var now = JsonDocument.Parse(JsonSerializer.Serialize(Neutral(spec)));
        return JsonElement.DeepEquals(before.RootElement, now.RootElement);
    }

    /// <summary>Returns the specification without the parts that a repeated request need not have.</summary>
    private RunSpec Neutral(RunSpec spec) => uploads.Neutral(spec) with
    {
        Origin = spec.Origin?.Of is null ? null : spec.Origin with { By = null, Reason = null },
    };

    private static RunId NewId() => new($"run-{Guid.NewGuid().ToString("N")[..10]}");

    private static RunId IdOf(string key) =>
        new($"run-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..20]}");
}
