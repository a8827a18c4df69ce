using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Grpc.Core;
using Workflows.Activities.Capacity;
using Workflows.Activities.Handover;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Teardown;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Sweeping;

/// <summary>
/// Finds nodes and queued resources in all projects that carry a run's label and belong to no live run of this service:
/// a node created late or whose create call was never answered, a deletion that hangs, resources of a run that was
/// terminated. <b>Invariant:</b> without a person's request it deletes only resources that this service has created, by
/// label and by secret, and only if the engine answers that the run is not under way, or the run's own ledger proves
/// that it has given the node back.
/// </summary>
/// <param name="cloud">The TPU API.</param>
/// <param name="ledger">Receives the proofs of known runs.</param>
/// <param name="jobs">Disconnects the workers of nodes that are deleted.</param>
/// <param name="secrets">Recognises this service's nodes.</param>
/// <param name="catalog">The zones and prices.</param>
/// <param name="runs">Recognises live runs.</param>
/// <param name="record">Receives every deletion and its proof.</param>
/// <param name="clock">Gives the time.</param>
public sealed class Sweeper(
    ITpuCloud cloud, RunLedger ledger, ITpuJobs jobs, NodeSecrets secrets, PriceCatalog catalog, IRunStandings runs,
    SweepRecord record, TimeProvider clock)
{
    private const int MostProofs = 50, ProjectsAtOnce = 4;

    private const string Later = "Nothing: it is looked at again. If it stays, look at the network of this machine and "
        + "at https://status.cloud.google.com.";

    /// <summary>Sweeps once, and requests the deletions that the scope allows; waits for none of them.</summary>
    /// <param name="scope">The actions that it may take.</param>
    /// <param name="cancellation">Cancels the sweep.</param>
    /// <returns>The report. A project that cannot be listed is a line of it, not an exception.</returns>
    /// <exception cref="RpcException">The engine does not answer which runs are live; nothing was deleted.</exception>
    public async Task<SweepReport> SweepAsync(SweepScope scope, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(scope);
        var rehearsals = runs.RehearsalProjects.ToHashSet(StringComparer.Ordinal);
        var pending = record.Pending();
        rehearsals.UnionWith(pending.Where(each => each.IsRehearsal).Select(each => each.Project));
        var paying = record.Projects().Concat(pending.Where(each => !each.IsRehearsal).Select(each => each.Project))
            .ToHashSet(StringComparer.Ordinal);
        if (scope.Project is { } given && !rehearsals.Contains(given))
        {
            paying.Add(given);
        }

        var projects = paying.Order(StringComparer.Ordinal).Select(each => (Id: each, IsRehearsal: false))
            .Concat(rehearsals.Order(StringComparer.Ordinal).Select(each => (Id: each, IsRehearsal: true))).ToList();
        var looks = new (SweptProject Project, IReadOnlyList<FoundResource> Found)[projects.Count];
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism = ProjectsAtOnce,
            CancellationToken = cancellation,
        };
        await Parallel.ForEachAsync(Enumerable.Range(0, projects.Count), options, async (index, token) =>
        {
            var (id, isRehearsal) = projects[index];
            var mine = pending.Where(each => each.Project == id && each.IsRehearsal == isRehearsal).ToList();
            looks[index] = await LookAsync(id, isRehearsal, scope, mine, token);
        });
        var report = new SweepReport(
            secrets.ServiceId, [.. looks.Select(look => look.Project)], [.. looks.SelectMany(look => look.Found)],
            record.GivenBack(MostProofs));
        record.Keep(report);
        return report;
    }

    private async Task<(SweptProject Project, IReadOnlyList<FoundResource> Found)> LookAsync(
        string project, bool isRehearsal, SweepScope scope, IReadOnlyList<AskedFact> pending,
        CancellationToken cancellation)
    {
        TpuConnection connection;
        CloudListing listing;
        try
        {
            connection = await cloud.ConnectAsync(project, isRehearsal, cancellation);
            listing = await CloudListing.ReadAsync(connection, project, catalog.Zones, cancellation);
        }
        catch (RpcException exception) when (!cancellation.IsCancellationRequested)
        {
            var refusal = RefusalClassifier.Classify(exception);
            return Unseen($"{refusal.Code}: {refusal.Reason}", refusal.Fix);
        }
        catch (RunFaultException exception)
        {
            return Unseen($"{exception.Failure.Code}: {exception.Failure.Message}", exception.Failure.Fix);
        }
        catch (InvalidOperationException exception)
        {
            return Unseen(exception.Message, "Look at the service's settings.");
        }

        // Read after the list: a run that begins now has created nothing that is in the list.
        var judged = new List<Judged>();
        foreach (var resource in listing.Resources)
        {
            judged.Add(await JudgeAsync(resource, cancellation));
        }

        var found = new List<FoundResource>();
        var queues = judged.Where(each => scope.MayDelete(each.Owner, each.Resource.Service))
            .Select(each => each.Resource.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var each in judged.Where(each => each.Owner != ResourceOwner.LiveRun)
            .OrderByDescending(each => each.Resource.Kind))
        {
            var (step, refusal) = await DeleteAsync(
                connection, each, scope, queues.Contains(each.Resource.Queue), isRehearsal, pending, cancellation);
            found.Add(Row(each, isRehearsal, step, refusal));
        }

        var problem = listing.Problem;
        foreach (var asked in pending.Where(asked => !listing.Resources.Any(each => each.Key == asked.Key)))
        {
            var unproved = await ProveAsync(connection, asked, cancellation);
            problem ??= unproved;
        }

        return (new SweptProject(
            project, isRehearsal, listing.Zones, listing.RefusedZones,
            judged.Count(each => each.Owner == ResourceOwner.LiveRun), problem,
            problem is null ? null : Later), found);

        (SweptProject Project, IReadOnlyList<FoundResource> Found) Unseen(string reason, string fix) =>
            (new SweptProject(project, isRehearsal, 0, 0, 0, reason, fix), []);
    }

    private async Task<Judged> JudgeAsync(CloudResource resource, CancellationToken cancellation)
    {
        var service = resource.Service;
        if (service is not null && service != secrets.ServiceId)
        {
            return new Judged(resource, ResourceOwner.OtherService, null, "Another service has made it.");
        }

        if (!RunId.TryParse(resource.Run, out var run))
        {
            return new Judged(resource, ResourceOwner.Unproved, null, "Its label names no run that could be.");
        }

        // A node may have passed to another variant, which has perhaps not begun yet while the group is under way. The
        // group alone keeps no node: it may go on for days after a variant of it was terminated.
        var (owner, since) = Handovers.Follow(ledger, run, resource.Nodes[0].Name);

        // A node whose request the cloud carried out after it had answered NOT_FOUND: the run asks for it no more.
        var isGivenBack = resource.Nodes.All(each => ledger.Read(owner).Any(
            entry => entry.Kind == LedgerKinds.Released && entry.Key == $"{each.Name}"));
        if (!isGivenBack && (await runs.IsLiveAsync(run, cancellation)
            || (owner != run && await runs.IsLiveAsync(owner, cancellation))
            || (since is { } at && RunId.TryParse(resource.Group, out var group)
                && Handovers.IsAwaited(ledger, owner, group, at) && await runs.IsLiveAsync(group, cancellation))))
        {
            return new Judged(resource, ResourceOwner.LiveRun, null, "Its run is under way.");
        }

        var isRight = resource.HasSecretOf(secrets, run);
        if (isRight && owner != run)
        {
            // Its cost and its proof are facts of the owner, whose group may have ended before it wrote them.
            Handovers.Complete(ledger, owner);
        }

        var known = isRight && ledger.Knows(owner) ? owner : (RunId?)null;
        return (service, isRight) switch
        {
            (null, true) => new Judged(
                resource, ResourceOwner.Unproved, known,
                "An earlier version of this service has made it: it lacks the label of a service."),
            (null, false) => new Judged(
                resource, ResourceOwner.Unproved, known,
                "It lacks the label of a service, and its secret is not this service's: perhaps another one's."),
            (_, false) => new Judged(
                resource, ResourceOwner.Unproved, known,
                "It has this service's label, and not its secret: somebody else has written the label."),
            _ => new Judged(
                resource, ResourceOwner.ThisService, known,
                isGivenBack ? "Its run has given it back; the cloud has made it since then."
                    : ledger.Knows(run) ? "Its run has ended." : "This service has made it, and knows no such run."),
        };
    }

    /// <summary>Requests a deletion, unless one is under way.</summary>
    private async Task<(SweepStep Step, string? Refusal)> DeleteAsync(
        TpuConnection connection, Judged judged, SweepScope scope, bool goesWithItsQueue, bool isRehearsal,
        IReadOnlyList<AskedFact> pending, CancellationToken cancellation)
    {
        var resource = judged.Resource;
        var before = pending.FirstOrDefault(each => each.Key == resource.Key);
        var isAllowed = scope.MayDelete(judged.Owner, resource.Service);
        if (!isAllowed && before is null)
        {
            return (resource.IsDeleting ? SweepStep.Deleting : SweepStep.Listed, null);
        }

        string? refusal = null;
        try
        {
            // A node is deleted with its queued resource, which would otherwise only wait for another node.
            if (resource.IsDeleting || goesWithItsQueue)
            {
                Keep(before?.Operation ?? "");
                return (SweepStep.Deleting, null);
            }

            if (before is { Operation.Length: > 0 })
            {
                var (isDone, error) = await OperationAsync(connection, before.Operation, cancellation);
                if (!isDone)
                {
                    return (SweepStep.Deleting, null);
                }

                refusal = error;
            }

            if (!isAllowed)
            {
                return (refusal is null ? SweepStep.Listed : SweepStep.Refused, refusal);
            }

            if (judged.LedgerRun is { } run)
            {
                if (resource.Nodes.Any(each => !Handovers.MayRelease(ledger, run, each.Name)))
                {
                    // Handed on since it was judged, and its new owner begins.
                    return (SweepStep.Listed, null);
                }

                resource.Nodes.ToList().ForEach(each => jobs.Revoke(run, each.Name));
            }

            // Not found: it was deleted between list and call; the next sweep proves it.
            Keep(await AskAsync(connection, resource, cancellation) ?? "");
            return refusal is null ? (SweepStep.Asked, null) : (SweepStep.Refused, refusal);
        }
        catch (RpcException exception) when (!cancellation.IsCancellationRequested)
        {
            return (SweepStep.Refused, $"{exception.StatusCode}: {exception.Status.Detail}");
        }

        void Keep(string operation)
        {
            record.Ask(new AskedFact(
                resource.Key, resource.Name, resource.Kind, resource.Project, isRehearsal, resource.Run ?? "",
                judged.LedgerRun, resource.State, operation, clock.GetUtcNow()));
            if (operation.Length > 0 && resource.Kind == ResourceKind.Node && judged.LedgerRun is { } run)
            {
                ledger.Append(
                    run, LedgerKinds.Deletion, $"{resource.Name}#{operation}",
                    new NodeDeletion(resource.Nodes[0].Name, resource.State, operation));
            }
        }
    }

    private static async Task<string?> AskAsync(
        TpuConnection connection, CloudResource resource, CancellationToken cancellation)
    {
        if (resource.Kind == ResourceKind.Node)
        {
            return await ReleaseNodeActivity.AskAsync(connection, resource.Nodes[0].Name);
        }

        try
        {
            // Forced, so that its nodes are deleted with it.
            return (await connection.Tpu.DeleteQueuedResourceAsync(
                new DeleteQueuedResourceRequest { Name = resource.Name, Force = true },
                TpuConnection.Routed("name", resource.Name, cancellation))).Name;
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.NotFound)
        {
            return null;
        }
    }

    private static async Task<(bool IsDone, string? Error)> OperationAsync(
        TpuConnection connection, string name, CancellationToken cancellation)
    {
        try
        {
            var operation = await connection.Operations.GetOperationAsync(
                new GetOperationRequest { Name = name }, TpuConnection.Routed("name", name, cancellation));
            return (operation.Done, operation.ResultCase == Operation.ResultOneofCase.Error
                ? $"{(StatusCode)operation.Error.Code}: {operation.Error.Message}"
                : null);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.NotFound)
        {
            // The cloud forgets an operation some time after its end.
            return (true, null);
        }
    }

    /// <summary>Looks up a resource that is in no list any more; NOT_FOUND is the proof.</summary>
    /// <returns>null, or the reason why nothing is proved.</returns>
    private async Task<string?> ProveAsync(
        TpuConnection connection, AskedFact asked, CancellationToken cancellation)
    {
        try
        {
            var options = TpuConnection.Routed("name", asked.Name, cancellation);
            if (asked.Kind == ResourceKind.Node)
            {
                var node = await connection.Tpu.GetNodeAsync(new GetNodeRequest { Name = asked.Name }, options);
                return CloudResource.Of(asked.Project, node)?.Key == asked.Key ? StillThere() : Prove("REPLACED");
            }

            var queued = await connection.Tpu.GetQueuedResourceAsync(
                new GetQueuedResourceRequest { Name = asked.Name }, options);
            return CloudResource.Of(asked.Project, queued)?.Key == asked.Key ? StillThere() : Prove("REPLACED");
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.NotFound)
        {
            return Prove(NodeStates.NotFound);
        }
        catch (RpcException exception) when (!cancellation.IsCancellationRequested)
        {
            return $"'{asked.Name}' is in no list, and not proved gone: {exception.Status.Detail}";
        }

        string StillThere() => $"'{asked.Name}' is in no list, and is still there.";

        string? Prove(string state)
        {
            var now = clock.GetUtcNow();
            var fact = new SweptFact(asked.Name, asked.Kind, asked.Run, asked.Operation, asked.At, now, state);
            if (asked.LedgerRun is { } run)
            {
                ledger.Append(run, LedgerKinds.Swept, asked.Key, fact);
                if (asked.Kind == ResourceKind.Node)
                {
                    var name = new NodeName(asked.Name);
                    ledger.Append(run, LedgerKinds.Released, $"{name}", new NodeMoment(name, state));
                }
            }

            // Written last: after a crash before it the sweep proves the resource again, and the ledger drops the
            // duplicate.
            record.Prove(asked.Key, fact);
            return null;
        }
    }

    private FoundResource Row(Judged judged, bool isRehearsal, SweepStep step, string? refusal)
    {
        var resource = judged.Resource;
        var price = isRehearsal || resource.Kind != ResourceKind.Node
            || !catalog.AcceleratorTypes.Contains(resource.AcceleratorType)
            ? (double?)null
            : catalog.At(resource.AcceleratorType, resource.Zone, resource.Provisioning, null).UsdPerHour;
        return new FoundResource(
            resource.Name, resource.Kind, isRehearsal, resource.Zone, resource.AcceleratorType, resource.State,
            resource.CreatedAt, price, resource.Run ?? "", resource.Service, judged.Owner, judged.Why, step, refusal);
    }

    /// <summary>A resource with its owner.</summary>
    /// <param name="Resource">The resource.</param>
    /// <param name="Owner">Its owner.</param>
    /// <param name="LedgerRun">Its run, if that is proved and has a ledger.</param>
    /// <param name="Why">The reason for the owner, in one sentence.</param>
    private sealed record Judged(CloudResource Resource, ResourceOwner Owner, RunId? LedgerRun, string Why);
}
