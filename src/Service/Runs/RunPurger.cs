using System.Text.Json;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Reporting;
using Workflows.Activities.Spending;
using Workflows.Activities.Storage;
using Workflows.Activities.Sweeping;
using Workflows.Activities.Teardown;
using Workflows.Activities.Variants;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Service.Database;
using Workflows.Service.Files;
using Workflows.Service.Logs;
using Workflows.Service.Workers;

namespace Workflows.Service.Runs;

/// <summary>
/// Deletes ended runs. <b>Invariant:</b> nothing is deleted of a run that is under way, that may have a node, or whose
/// cost is not in the sums of the spending yet. A purge that was interrupted is repeated to its end: the ledger is
/// deleted last.
/// </summary>
internal sealed class RunPurger(
    DurableTaskClient client, RunLedger ledger, RunArtifacts artifacts, IdempotencyKeys keys, JobBook jobs,
    SpendLimits limits, SpendBook book, SweepRecord sweeps, RunResumer resumer, RunIndex index,
    IRunLogs logs, UploadReferences uploads, PurgedFolders folders, TimeProvider clock)
{
    private readonly KeptArtifacts _kept = new(ledger.State);

    /// <summary>Deletes a run.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="withArtifacts">true to delete its artifacts in the bucket, too: checkpoints and the tuned
    /// model.</param>
    /// <param name="cancellation">Cancels the call until the first orchestration is deleted.</param>
    /// <returns>The deleted things, or a refusal.</returns>
    /// <exception cref="ArtifactException">The store does not answer, or refuses: the run is still there.</exception>
    public Task<(PurgedView? View, Refused? Refusal)> PurgeAsync(
        RunId runId, bool withArtifacts, CancellationToken cancellation) =>
        resumer.AloneAsync(runId, () => PurgeAloneAsync(runId, withArtifacts, cancellation), cancellation);

    private async Task<(PurgedView?, Refused?)> PurgeAloneAsync(
        RunId runId, bool withArtifacts, CancellationToken cancellation)
    {
        var instance = await client.GetInstanceAsync(runId.Value, getInputsAndOutputs: true, cancellation);
        var children = await RunChildren.OfAsync(client, runId, cancellation);
        var kept = _kept.Find(runId);
        if (instance is not null && !RunService.IsRun(instance))
        {
            // Another application's, in a shared engine.
            return (null, Refused.Unknown(runId));
        }

        if (instance is null && children.Count == 0 && !ledger.Knows(runId) && !(withArtifacts && kept is not null))
        {
            return (null, Refused.Unknown(runId));
        }

        if (VariantLedgers.GroupOf(ledger, runId) is { } group && ledger.Knows(group))
        {
            return (null, new Refused(
                StatusCodes.Status409Conflict, Resumed.OfGroup,
                $"Run '{runId}' is a variant of '{group}', which adds up its cost. Purge '{group}': its variants go "
                + "with it."));
        }

        // All variants of a group are looked at before the first one is deleted.
        var members = VariantLedgers.MembersOf(ledger, runId);
        if ((RefusalOf(runId, instance, children) ?? await RefusalOfMembersAsync(runId, members, cancellation)
            ?? await RefusalOfSumsAsync(runId, cancellation)) is { } refusal)
        {
            return (null, refusal);
        }

        // The ledger of the group, which names them and from which an interrupted purge is repeated, goes last.
        var before = new List<PurgedView>();
        if (members.Count > 0)
        {
            sweeps.Keep(runId);
            book.Keep(runId);
        }

        foreach (var member in members)
        {
            before.Add(await PurgeOneAsync(
                member, await client.GetInstanceAsync(member.Value, getInputsAndOutputs: true, cancellation),
                await RunChildren.OfAsync(client, member, cancellation), withArtifacts, isMember: true, cancellation));
        }

        var view = await PurgeOneAsync(runId, instance, children, withArtifacts, isMember: false, cancellation);
        return (view with
        {
            InstancesDeleted = view.InstancesDeleted + before.Sum(each => each.InstancesDeleted),
            Deleted = [.. before.SelectMany(each => each.Deleted), .. view.Deleted],
            Kept = [.. before.SelectMany(each => each.Kept), .. view.Kept],
        }, null);
    }

    private async Task<PurgedView> PurgeOneAsync(
        RunId runId, OrchestrationMetadata? instance, IReadOnlyList<OrchestrationMetadata> children,
        bool withArtifacts, bool isMember, CancellationToken cancellation)
    {
        var kept = _kept.Find(runId);
        var place = kept ?? PlaceOf(runId, instance);
        var deleted = new List<string>();
        if (place is not null && withArtifacts)
        {
            deleted.AddRange(await DeleteAsync(place, cancellation));
        }
        else if (place is not null)
        {
            _kept.Keep(runId, place);
        }

        // What only the ledger tells, and others need after it.
        sweeps.Keep(runId);
        if (!isMember)
        {
            book.Keep(runId);
        }

        // From here on to the end: an instance that is gone while its ledger is left would keep the id from new runs.
        cancellation.ThrowIfCancellationRequested();
        var instances = await PurgeInstancesAsync([runId.Value, .. children.Select(child => child.InstanceId)]);
        index.Forget(runId);
        keys.ReleaseAll(runId);
        jobs.Forget(runId);
        logs.Forget(runId);

        // Before the ledger, from which an interrupted purge is repeated.
        uploads.Release(runId);
        folders.Note(runId);
        if (ledger.Purge(runId) is { } folder)
        {
            deleted.Add(folder);
        }

        sweeps.Forget(runId);
        if (withArtifacts)
        {
            _kept.Forget(runId);
        }

        // Again: until its ledger was gone, the log took lines that services and workers still had.
        logs.Forget(runId);
        return new PurgedView(
            runId, instances, deleted, place is not null && !withArtifacts ? [place.Address] : []);
    }

    /// <summary>Returns the refusal of a run that is under way, or may have a node.</summary>
    private Refused? RefusalOf(
        RunId runId, OrchestrationMetadata? instance, IReadOnlyList<OrchestrationMetadata> children)
    {
        if (instance is { IsCompleted: false } || children.FirstOrDefault(child => !child.IsCompleted) is not null)
        {
            var live = children.Where(child => !child.IsCompleted)
                .Select(child => RunChildren.StageOf(child.InstanceId)).Distinct();
            return new Refused(
                StatusCodes.Status409Conflict, Resumed.UnderWay, instance is { IsCompleted: true }
                    ? $"Run '{runId}' was terminated, and its {string.Join(" and ", live)} is still under way. Resume "
                        + "it and cancel it, so that its nodes are given back; purge it when it has ended."
                    : $"Run '{runId}' is under way. Cancel it, and purge it when it has ended.");
        }

        return OpenNodes.Of(ledger, runId) is not { Count: > 0 } nodes ? null : new Refused(
            StatusCodes.Status409Conflict, "RUN_MAY_COST",
            $"These nodes of run '{runId}' are not proved gone, and only its ledger names them: "
            + $"{string.Join(", ", nodes)}. Resume it and cancel it, so that they are given back; purge it when it has "
            + "ended.");
    }

    private async Task<Refused?> RefusalOfSumsAsync(RunId runId, CancellationToken cancellation)
    {
        // Moves the cost of ended runs into the sums, which outlive the ledger.
        await limits.ViewAsync(cancellation);
        return book.Open().Any(open => open.RunId == runId)
            ? new Refused(
                StatusCodes.Status409Conflict, "RUN_MAY_COST",
                $"The cost of run '{runId}' is not in the sums of the spending yet. Purge it in a minute; where the "
                + "sums were lost and made again, in an hour.")
            : null;
    }

    /// <summary>Returns the refusal of a group that has ended, and some variants of which have not.</summary>
    private async Task<Refused?> RefusalOfMembersAsync(
        RunId runId, IReadOnlyList<RunId> members, CancellationToken cancellation)
    {
        var refused = new List<(RunId Id, Refused Refusal)>();
        foreach (var member in members)
        {
            var instance = await client.GetInstanceAsync(member.Value, cancellation);
            var children = await RunChildren.OfAsync(client, member, cancellation);
            if (RefusalOf(member, instance, children) is { } refusal)
            {
                refused.Add((member, refusal));
            }
        }

        return refused.Count == 0 ? null : new Refused(
            StatusCodes.Status409Conflict, refused[0].Refusal.Code,
            $"Run '{runId}' has ended, and these of its variants are under way or may have a node: "
            + $"{string.Join(", ", refused.Select(each => each.Id))}. Resume '{runId}', which cancels them first, and "
            + $"purge it when they have ended. {refused[0].Refusal.Detail}");
    }

    private async Task<int> PurgeInstancesAsync(IReadOnlyList<string> ids)
    {
        var count = 0;
        foreach (var id in ids)
        {
            count += (await client.PurgeInstanceAsync(id, CancellationToken.None)).PurgedInstanceCount;
        }

        return count;
    }

    /// <summary>Returns the place of the run's artifacts outside its folder; null if it has none.</summary>
    private KeptPlace? PlaceOf(RunId runId, OrchestrationMetadata? instance)
    {
        var data = ledger.Read<PreparedData>(runId, LedgerKinds.Data).Select(fact => fact.Data).LastOrDefault();
        var spec = instance?.SerializedInput is null ? null : instance.ReadInputAs<RunSpec>();
        if (data?.ArtifactsUri is not { } text)
        {
            return null;
        }

        // The engine may have lost the run, with its request: then the name of its bucket tells.
        var isRehearsal = spec?.IsRehearsal ?? text.StartsWith(
            $"gs://{VariantLedgers.RehearsalProject(ledger, runId)}-artifacts/", StringComparison.Ordinal);
        var uri = ArtifactUri.Parse(text);
        var own = ArtifactUri.OfFile(ledger.DirectoryOf(runId));
        return uri == own || uri.Path.Split('/')[^1] != runId.Value
            ? null : new KeptPlace(uri.ToText(), isRehearsal, clock.GetUtcNow());
    }

    private async Task<IReadOnlyList<string>> DeleteAsync(KeptPlace place, CancellationToken cancellation)
    {
        var store = artifacts.StoreOf(place.IsRehearsal);
        var found = new List<ArtifactUri>();
        await foreach (var each in store.ListAsync(ArtifactUri.Parse(place.Address), cancellation))
        {
            found.Add(each.Uri);
        }

        // The manifests first: a tree that has lost a file must not count as whole, for a run that takes it over.
        var deleted = new List<string>();
        foreach (var uri in found.OrderBy(uri => uri.Path.Split('/')[^1] != ArtifactManifest.FileName))
        {
            if (await store.DeleteAsync(uri, null, cancellation))
            {
                deleted.Add(uri.ToText());
            }
        }

        return deleted;
    }
}

/// <summary>The answer to a purge.</summary>
/// <param name="Id">The run.</param>
/// <param name="InstancesDeleted">Orchestrations that were deleted from the engine: the run and its stages.</param>
/// <param name="Deleted">Deleted folders and artifacts.</param>
/// <param name="Kept">Places of artifacts that were not deleted, because that was not asked for.</param>
public sealed record PurgedView(
    RunId Id, int InstancesDeleted, IReadOnlyList<string> Deleted, IReadOnlyList<string> Kept);

/// <summary>A place that has the artifacts of a run that was purged without them.</summary>
/// <param name="Address">The folder, or the address in a bucket.</param>
/// <param name="IsRehearsal">true if the emulated cloud has it.</param>
/// <param name="At">Time of the purge.</param>
internal sealed record KeptPlace(string Address, bool IsRehearsal, DateTimeOffset At);

/// <summary>
/// Remembers where purged runs have left artifacts, one small file for each: a new run with such an id would continue
/// from the checkpoints of the old one.
/// </summary>
internal sealed class KeptArtifacts(IStateStore state)
{
    public KeptPlace? Find(RunId id) => state.Read(NameOf(id)) is { } content
        ? JsonSerializer.Deserialize<KeptPlace>(content, RunLedger.Json) : null;

    public void Keep(RunId id, KeptPlace place) =>
        state.Write(NameOf(id), JsonSerializer.SerializeToUtf8Bytes(place, RunLedger.Json));

    public void Forget(RunId id) => state.Delete(NameOf(id));

    private static string NameOf(RunId id) => $"purged/{id}.json";
}
