using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Accepts results from workers. An unknown token is answered NotFound, so that workers drop the item at
/// once.</summary>
/// <remarks>A result is answered before its commit. A worker could do nothing for a result whose commit fails: the
/// engine stops, tokens end with its process, and the next one hands the item out again, as after a crash before the
/// result. Under load workers would otherwise hold the calls of a whole commit open.</remarks>
internal sealed partial class WorkDispatcher
{
    public Task<CompleteTaskResponse> CompleteEpisodeAsync(string hub, OrchestratorResponse response) =>
        AskAsync<CompleteTaskResponse>(answer =>
        {
            Store.Reach?.Invoke(FaultPoint.AfterResultBeforeDecide);
            Work work = Find(hub, response.CompletionToken, () =>
                _instances.Find(hub, response.InstanceId)?.Episode);
            if (work.TaskId is not null)
            {
                throw Refuse(StatusCode.InvalidArgument, "The token is that of an activity, not of an episode.");
            }

            if (ResponseChunk.IsPartial(response))
            {
                // A worker that did not receive the answer sends the part again.
                int? index = ResponseChunk.Index(response);
                work.Parts.RemoveAll(part => index is not null && ResponseChunk.Index(part) == index);
                work.Parts.Add(response);
                answer.TrySetResult(new());
                return;
            }

            EpisodeOutcome outcome;
            try
            {
                outcome = Episode.Decide(work.Slot.State, Checked(Report(work, response)), NewToken(), Now());
            }
            catch (Exception error) when (error is not RpcException)
            {
                // Nothing is changed yet. A report that cannot be applied is refused, and the episode is offered again.
                EngineLog.ResultRefused(Logger, error, work.Slot.State.Id);
                TakeBack(work, atOnce: false);
                throw Refuse(StatusCode.FailedPrecondition, $"The result cannot be applied: {error.Message}");
            }

            End(work);
            work.Slot.FailedEpisodes = 0;
            _instances.Apply(work.Slot, outcome);
            answer.TrySetResult(new());
        });

    public Task<CompleteTaskResponse> CompleteActivityAsync(string hub, ActivityResponse response) =>
        AskAsync<CompleteTaskResponse>(answer =>
        {
            Work work = Find(hub, response.CompletionToken, () =>
                _instances.Find(hub, response.InstanceId)?.Activities.GetValueOrDefault(response.TaskId));
            int taskId = work.TaskId ?? throw Refuse(
                StatusCode.InvalidArgument, "The token is that of an episode, not of an activity.");
            End(work);
            HistoryEvent message;
            if (response.FailureDetails is { } failure)
            {
                message = Messages.ActivityFailed(taskId, failure, Now());
            }
            else
            {
                message = new HistoryEvent
                {
                    EventId = -1,
                    Timestamp = Now(),
                    TaskCompleted = new() { TaskScheduledId = taskId, Result = response.Result },
                };
            }

            if (message.CalculateSize() > Options.MaxPayloadBytes + FrameBytes)
            {
                _instances.FailActivity(
                    work.Slot, taskId, $"its result is larger than {Options.MaxPayloadBytes} bytes");
            }
            else
            {
                _instances.Deliver(work.Slot.State.Hub, work.Slot.State.Id, message);
            }

            answer.TrySetResult(new());
        });

    /// <summary>Returns an item to its queue. An unknown token is fine: the item was returned already.</summary>
    public Task<bool> AbandonAsync(string hub, string token) => AskAsync<bool>(answer =>
    {
        bool isKnown = _handedOut.TryGetValue(token, out Work? work) && work.Slot.State.Hub == hub;
        if (isKnown)
        {
            // The worker had a reason to abandon the item, so another worker, or a later time, is needed.
            TakeBack(work!, atOnce: false);
        }

        answer.TrySetResult(isKnown);
    });

    private Work Find(string hub, string token, Func<Work?> byInstance)
    {
        // Some workers send no tokens; their results are matched by instance and task.
        Work? work = token.Length == 0 ? byInstance() : _handedOut.GetValueOrDefault(token);
        if (work is null || work.Slot.State.Hub != hub)
        {
            throw Refuse(StatusCode.NotFound, "The work item is unknown: it was completed, taken back or replaced.");
        }

        if (work.IsStale)
        {
            End(work);
            throw Refuse(StatusCode.NotFound, "The result is not wanted: the orchestration has moved on.");
        }

        return work;
    }

    // Rejects payloads that no client or worker with the default limits could read again.
    private EpisodeReport Checked(EpisodeReport report)
    {
        string? what = IsTooLarge(report.CustomStatus) ? "custom status" : null;
        foreach (OrchestratorAction action in report.Actions)
        {
            what ??= IsTooLarge(action.SendEvent?.Data) ? $"event '{action.SendEvent!.Name}'"
                : IsTooLarge(action.CompleteOrchestration?.Result) ? "output"
                : null;
        }

        return what is null ? report : Episode.TooLarge(report, what, Options.MaxPayloadBytes);

        bool IsTooLarge(string? text) => text is not null && text.Length > Options.MaxPayloadBytes / 3
            && System.Text.Encoding.UTF8.GetByteCount(text) > Options.MaxPayloadBytes;
    }

    private static EpisodeReport Report(Work work, OrchestratorResponse last)
    {
        List<OrchestratorResponse> parts = [.. work.Parts.OrderBy(part => ResponseChunk.Index(part) ?? 0)];
        List<OrchestratorAction> actions = [.. parts.SelectMany(part => part.Actions), .. last.Actions];
        return new EpisodeReport(
            work.Consumed,
            work.StartedAt,
            actions,
            last.CustomStatus,
            parts.Count > 0 ? parts[0].OrchestrationTraceContext : last.OrchestrationTraceContext);
    }

}
