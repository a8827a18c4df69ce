using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>The steps of a run that gets its node from another variant, and gives it to one: ADR 0028.</summary>
internal static class NodeHandover
{
    /// <summary>Longest wait for the group's decision, before which a teardown would take the node away from it. The
    /// group decides within a second; chosen for one whose service has just restarted.</summary>
    private static readonly TimeSpan LongestDecision = TimeSpan.FromSeconds(60);

    /// <summary>Takes the node that a run was handed, if the run's plan has such a place; otherwise releases
    /// it.</summary>
    /// <param name="context">The run's orchestration.</param>
    /// <param name="input">The run, its plan and the node.</param>
    /// <param name="isNeeded">false if the run has no work left for a TPU.</param>
    /// <returns>The node, null if the run has to rent one; and the most seconds for which it may be idle, null for no
    /// limit.</returns>
    public static async Task<(TpuLease? Lease, double? MostIdleSeconds)> AcceptAsync(
        TaskOrchestrationContext context, AcceptInput input, bool isNeeded)
    {
        var answer = await context.AcceptNodeAsync(input);
        if (answer.Lease is not null && isNeeded)
        {
            return (answer.Lease, answer.MostIdleSeconds);
        }

        if (answer.IsOwned)
        {
            // Before the run asks for another one, as after a loss.
            await context.AskReleaseAsync(input.Spec, input.Handed.Lease.NodeName);
        }

        return (null, null);
    }

    /// <summary>
    /// Waits for a preparation while the run's node is idle. Nobody watches the budget meanwhile, and a preparation may
    /// copy a model for an hour: then the node is released, and the run rents one afterwards.
    /// </summary>
    /// <param name="context">The run's orchestration.</param>
    /// <param name="spec">The run.</param>
    /// <param name="node">Its node; null for none.</param>
    /// <param name="mostSeconds">The most seconds to wait with the node; null for no limit.</param>
    /// <param name="work">The preparation, or a cancellation.</param>
    /// <returns>The node; null if the run has none.</returns>
    public static async Task<TpuLease?> KeepWhileAsync(
        TaskOrchestrationContext context, RunSpec spec, TpuLease? node, double? mostSeconds, Task work)
    {
        if (node is null || mostSeconds is not { } seconds)
        {
            return node;
        }

        using var stop = new CancellationTokenSource();
        if (await Task.WhenAny(work, context.CreateTimer(TimeSpan.FromSeconds(seconds), stop.Token)) == work)
        {
            // An open timer would keep the orchestration from completing.
            stop.Cancel();
            return node;
        }

        // A deletion that fails is not waited for: the teardown retries it.
        _ = context.ReleaseNodeAsync(spec, node.NodeName);
        return null;
    }

    /// <summary>
    /// Offers the TPU to the next variant, or starts its release, since scoring needs none. A deletion that fails is
    /// not waited for here, since the teardown retries it.
    /// </summary>
    /// <param name="context">The run's orchestration.</param>
    /// <param name="spec">The run.</param>
    /// <param name="lease">Its TPU; null for none.</param>
    /// <returns>true if the node is offered, so that <see cref="DecidedAsync"/> is to be awaited.</returns>
    public static async Task<bool> IsOfferedAsync(TaskOrchestrationContext context, RunSpec spec, TpuLease? lease)
    {
        if (lease is not null && spec is { Handover: true, Group: { } group }
            && await MayOfferAsync(context, spec, lease))
        {
            context.SendEvent(group.Id.Value, RunEvents.NodeOffered, new HandedNode(spec.RunId, lease));
            return true;
        }

        if (lease is not null)
        {
            _ = context.ReleaseNodeAsync(spec, lease.NodeName);
        }

        return false;
    }

    /// <summary>Waits until the group has handed an offered node on or released it, or the run is cancelled.</summary>
    /// <param name="context">The run's orchestration.</param>
    /// <param name="cancel">Ends with a cancellation.</param>
    public static async Task DecidedAsync(TaskOrchestrationContext context, Task cancel)
    {
        using var stop = new CancellationTokenSource();
        using var noEvent = new CancellationTokenSource();
        var timer = context.CreateTimer(LongestDecision, stop.Token);
        await Task.WhenAny(
            context.WaitForExternalEvent<string>(RunEvents.NodeDecided, noEvent.Token), timer, cancel);

        // An open timer would keep the orchestration from completing.
        stop.Cancel();
        noEvent.Cancel();
    }

    private static async Task<bool> MayOfferAsync(TaskOrchestrationContext context, RunSpec spec, TpuLease lease)
    {
        try
        {
            return await context.OfferNodeAsync(new OfferInput(spec, lease));
        }
        catch (TaskFailedException)
        {
            // An outage of the cloud: the run has its translations, and does not end for a node.
            return false;
        }
    }
}
