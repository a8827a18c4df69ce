using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DurableTask.Core.Exceptions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Files;
using Workflows.Service.Hosting;
using Workflows.Service.Workers;

namespace Workflows.Service.Runs;

/// <summary>
/// Starts, shows and cancels runs for the HTTP API, the messages and the command line.
/// </summary>
internal sealed partial class RunService(
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
    /// <param name="runId">The run.</param>
    /// <param name="cancellation">Cancels the calls.</param>
    /// <param name="withInput">true to show its request, too.</param>
    /// <returns>null for an unknown run.</returns>
    public async Task<RunView?> FindAsync(RunId runId, CancellationToken cancellation, bool withInput = false)
    {
        var instance = await client.GetInstanceAsync(runId.Value, getInputsAndOutputs: true, cancellation);
        return instance is null || !IsRun(instance) ? null : ViewOf(instance) with
        {
            Variants = await groups.VariantsOfAsync(instance, cancellation),
            Input = withInput ? SpecRequest.Of(instance.ReadInputAs<RunSpec>()!) : null,
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
        // One that is pending there begins later; one that the group has not begun never does.
        var hasLive = false;
        foreach (var variant in run.Variants ?? [])
        {
            if (variant.Status is RunStatus.Running or RunStatus.Suspended
                || (variant.Status == RunStatus.Pending
                    && await client.GetInstanceAsync(variant.Id.Value, cancellation) is { IsCompleted: false }))
            {
                await client.RaiseEventAsync(variant.Id.Value, RunEvents.Cancel, reason, cancellation);
                hasLive = true;
            }
        }

        return hasLive;
    }

    internal static bool IsRun(OrchestrationMetadata instance) =>
        instance.Name is nameof(FineTuneOrchestration) or nameof(VariantsOrchestration)
        && RunId.TryParse(instance.InstanceId, out _);

    private static RunStatus StatusOf(OrchestrationRuntimeStatus status) => status switch
    {
        OrchestrationRuntimeStatus.Pending => RunStatus.Pending,
        OrchestrationRuntimeStatus.Suspended => RunStatus.Suspended,
        OrchestrationRuntimeStatus.Running => RunStatus.Running,
        OrchestrationRuntimeStatus.Terminated => RunStatus.Terminated,
        _ => RunStatus.Failed,
    };

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
