using DurableTask.Core.History;
using Microsoft.DurableTask.Client;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>
/// Suspends runs and ends their suspension. The run's orchestration does the work: the engine's own suspension would
/// stop the watch over the budget and the release of nodes, too, while a node goes on to cost (ADR 0023).
/// </summary>
internal sealed class RunSuspender(DurableTaskClient client)
{
    /// <summary>Most characters of a reason with the name of the caller after it: a name has 64, a subject or an e-mail
    /// address of an issuer at most 255.</summary>
    private const int MostWithCaller = CallReason.Most + 300;

    /// <summary>Requests a suspension, or its end. Requested again, it changes nothing but the reason.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="suspends">true to suspend it.</param>
    /// <param name="reason">The reason with the caller's name, for the record.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The refusal; null if it is requested, and is done however often the service stops.</returns>
    public async Task<Refused?> RequestAsync(
        RunId runId, bool suspends, string reason, CancellationToken cancellation)
    {
        var instance = await client.GetInstanceAsync(runId.Value, getInputsAndOutputs: true, cancellation);
        if (instance is null || !RunService.IsRun(instance))
        {
            return Refused.Unknown(runId);
        }

        if (instance.Name == nameof(VariantsOrchestration) && !instance.IsCompleted)
        {
            return new Refused(
                StatusCodes.Status409Conflict, "GROUP_NOT_SUSPENDED",
                $"Run '{runId}' has variants, and is not suspended as a whole. Suspend those under way (GET /runs/"
                + $"{runId} names them), or cancel it and resume it later: variants with a verdict stay.");
        }

        if (instance.IsCompleted)
        {
            return new Refused(StatusCodes.Status410Gone, "RUN_ENDED", $"Run '{runId}' has ended.");
        }

        var stage = instance.SerializedCustomStatus is null ? null : instance.ReadCustomStatusAs<RunStage>();
        if (suspends && stage?.Stage is RunStageName.Teardown or RunStageName.Report or RunStageName.Done)
        {
            return new Refused(
                StatusCodes.Status409Conflict, "RUN_ENDING",
                $"Run '{runId}' is giving back its nodes and writing its report, which nothing may hold up.");
        }

        if (suspends && !await ListensAsync(instance, cancellation))
        {
            return new Refused(
                StatusCodes.Status409Conflict, "RUN_TOO_OLD",
                $"Run '{runId}' was started by an earlier version of the service, whose runs cannot be suspended. "
                + "Cancel it and resume it later: it continues from its newest checkpoint, and can be suspended then.");
        }

        await client.RaiseEventAsync(
            runId.Value, RunEvents.Suspension, new SuspensionRequest(suspends, SafeText.Of(reason, MostWithCaller)),
            cancellation);
        if (!suspends && instance.RuntimeStatus == OrchestrationRuntimeStatus.Suspended)
        {
            // Suspended in the engine, by another client or because its work failed again and again.
            await client.ResumeInstanceAsync(runId.Value, SafeText.Of(reason, MostWithCaller), cancellation);
        }

        return null;
    }

    /// <summary>
    /// Returns whether a run reads requests to suspend it: those of the first version of the orchestration, which have
    /// no version, do not. Only the history has the version.
    /// </summary>
    internal async Task<bool> ListensAsync(OrchestrationMetadata instance, CancellationToken cancellation)
    {
        if (instance.RuntimeStatus == OrchestrationRuntimeStatus.Pending)
        {
            // It has no history yet, so it was just started.
            return true;
        }

        var history = await client.GetOrchestrationHistoryAsync(instance.InstanceId, cancellation);
        return history.OfType<ExecutionStartedEvent>().All(start => !string.IsNullOrEmpty(start.Version));
    }
}

/// <summary>The reason why a run is not changed.</summary>
/// <param name="Status">Status of the answer.</param>
/// <param name="Code">A code of docs/errors.md.</param>
/// <param name="Detail">The reason in words.</param>
internal sealed record Refused(int Status, string Code, string Detail)
{
    public static Refused Unknown(RunId runId) =>
        new(StatusCodes.Status404NotFound, "RUN_UNKNOWN", $"There is no run '{runId}'.");

    public IResult ToResult() => Problems.Of(Status, Code, Detail);
}
