using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Hands batches of operations to workers and takes their results.</summary>
internal sealed partial class EntityHost
{
    private const int MostOperationsInBatch = 100;
    private const int MostOperationBytes = 1024 * 1024;

    public Task<CompleteTaskResponse> CompleteAsync(string hub, EntityBatchResult result) =>
        AskAsync<CompleteTaskResponse>(answer =>
        {
            if (!_handedOut.TryGetValue(result.CompletionToken, out EntityWork? work) || work.Slot.Hub != hub)
            {
                throw Refuse(StatusCode.NotFound, "The work item is unknown: it was completed or taken back.");
            }

            foreach (OperationAction action in result.Actions)
            {
                CheckTime(action.SendSignal?.ScheduledTime, "time of a signal");
                CheckTime(action.StartNewOrchestration?.ScheduledTime, "start time");
            }

            if (result.FailureDetails is { } failure)
            {
                // This is the worker's own failure, which does not concern the entity's state, so nothing is changed.
                Fail(work, failure);
            }
            else if (result.Results.Count == 0)
            {
                TakeBack(work, atOnce: false);
            }
            else if (result.EntityState is { } state && state.Length > Options.MaxPayloadBytes / 3
                && System.Text.Encoding.UTF8.GetByteCount(state) > Options.MaxPayloadBytes - MostOperationBytes)
            {
                End(work);
                Refuse(work, Messages.Failure("PayloadTooLarge", "The entity's state is too large to be carried."));
            }
            else
            {
                Complete(work, result);
            }

            answer.TrySetResult(new());
        });

    public Task<bool> AbandonAsync(string hub, string token) => AskAsync<bool>(answer =>
    {
        bool isKnown = _handedOut.TryGetValue(token, out EntityWork? work) && work.Slot.Hub == hub;
        if (isKnown)
        {
            TakeBack(work!, atOnce: false);
        }

        answer.TrySetResult(isKnown);
    });

    private void QueueEntity(EntitySlot slot)
    {
        if (!slot.IsGone && !slot.IsQueued && !slot.IsDelayed && slot.State.NextBatch(1, 0).Count > 0)
        {
            slot.IsQueued = true;
            dispatcher.QueueEntity(slot);
        }
    }

    public void HandOut(EntitySlot slot, WorkerSession session)
    {
        slot.IsQueued = false;
        if (slot.IsGone || slot.IsDelayed)
        {
            return;
        }

        IReadOnlyList<QueuedMessage> batch = slot.State.NextBatch(MostOperationsInBatch, MostOperationBytes);
        if (batch.Count == 0)
        {
            return;
        }

        Timestamp now = Now();
        var request = new EntityRequest { InstanceId = slot.Id, EntityState = slot.State.State };
        request.OperationRequests.Add(batch.Select(item => EntityAnswers.ForWorker(item.Message, now)));
        if (request.CalculateSize() > WorkDispatcher.MostBytesInItem)
        {
            // Only a single operation can be that large. Official workers disconnect at such an item, every time it is
            // sent.
            Drop(slot, batch[0]);
            ReplyFailed(slot, batch[0].Message, Messages.Failure(
                "PayloadTooLarge", "The operation's input and the entity's state are too large together."));
            Settle(slot);
            return;
        }

        var work = new EntityWork(dispatcher.NewToken(), slot, session, batch) { HandedOutAt = Time.GetTimestamp() };
        slot.State.IsRunning = true;
        slot.Attempts++;
        session.FreeEntities--;
        session.OutstandingEntities.Add(work);
        _handedOut.Add(work.Token, work);
        session.Items.Writer.TryWrite(
            new WorkItemFrame(new WorkItem { EntityRequestV2 = request, CompletionToken = work.Token }));
        dispatcher.ArmLeases();
    }

    public void End(EntityWork work)
    {
        _handedOut.Remove(work.Token);
        work.Session.OutstandingEntities.Remove(work);
        work.Session.FreeEntities++;
        work.Slot.State.IsRunning = false;
    }

    private void Complete(EntityWork work, EntityBatchResult result)
    {
        End(work);
        EntitySlot slot = work.Slot;
        slot.Attempts = 0;
        slot.Refusers = [];
        foreach ((OperationResult outcome, QueuedMessage item) in result.Results.Zip(work.Messages))
        {
            Drop(slot, item);
            if (outcome.Failure is { } failed)
            {
                TaskFailureDetails failure = failed.FailureDetails
                    ?? Messages.Failure("(unknown)", "The operation failed without details.");
                ReplyFailed(slot, item.Message, failure);
            }
            else if (outcome.Success?.Result is { } text && text.Length > Options.MaxPayloadBytes / 3
                && System.Text.Encoding.UTF8.GetByteCount(text) > Options.MaxPayloadBytes)
            {
                ReplyFailed(slot, item.Message, Messages.Failure(
                    "PayloadTooLarge", "The operation's result is too large to be carried."));
            }
            else
            {
                Reply(slot.Hub, item.Message, EntityAnswers.Completed(item.Message, outcome.Success?.Result, Now()));
            }
        }

        slot.State.State = result.EntityState;
        slot.State.Modified = Now();
        Save(slot);
        foreach (OperationAction action in result.Actions)
        {
            Do(slot, action);
        }

        Settle(slot);
    }

    private void Do(EntitySlot source, OperationAction action)
    {
        if (action.SendSignal is { } signal)
        {
            Send(source.Hub, signal.InstanceId, new EntityMessage
            {
                RequestId = Guid.NewGuid().ToString(),
                Operation = signal.Name,
                Input = signal.Input,
                Due = signal.ScheduledTime,
            });
        }
        else if (action.StartNewOrchestration is { } start)
        {
            string id = start.InstanceId.Length > 0 ? start.InstanceId : Guid.NewGuid().ToString("N");
            if (EntityId.IsEntity(id) || instances.FindRunning(source.Hub, id) is not null
                || start.CalculateSize() > Options.MaxPayloadBytes + FrameBytes)
            {
                // Entities rely on this to tell two runs with one id apart; the batch continues.
                EngineLog.EntityMessageDropped(Logger, source.Id, $"orchestration '{id}' cannot be started");
                return;
            }

            instances.Remove(source.Hub, id);
            var started = new ExecutionStartedEvent
            {
                Name = start.Name,
                Version = start.Version,
                Input = start.Input,
                ParentTraceContext = start.ParentTraceContext,
                Tags = { start.Tags },
            };
            started.Tags[Messages.FireAndForgetTag] = "true";
            instances.Create(source.Hub, id, instances.NewExecution(id, started, start.ScheduledTime));
        }
    }

    private void Fail(EntityWork work, TaskFailureDetails failure)
    {
        if (work.Slot.Attempts < Options.MaxDispatches)
        {
            TakeBack(work, atOnce: false);
            return;
        }

        End(work);
        Refuse(work, failure);
    }

    // No worker can run these operations: their callers receive a failure, and the state stays as it was.
    private void Refuse(EntityWork work, TaskFailureDetails failure)
    {
        work.Slot.Attempts = 0;
        work.Slot.Refusers = [];
        foreach (QueuedMessage item in work.Messages)
        {
            Drop(work.Slot, item);
            ReplyFailed(work.Slot, item.Message, failure);
        }

        Settle(work.Slot);
    }

    private void ReplyFailed(EntitySlot slot, EntityMessage message, TaskFailureDetails failure)
    {
        if (message.Caller is null)
        {
            EngineLog.SignalFailed(Logger, message.Operation, slot.Id, failure.ErrorMessage);
        }

        Reply(slot.Hub, message, EntityAnswers.Failed(message, failure, Now()));
    }

    /// <summary>Leaves the operations at the front of the queue: retried at once, then after a growing delay.</summary>
    public void TakeBack(EntityWork work, bool atOnce = true)
    {
        EntitySlot slot = work.Slot;
        if (slot.Attempts >= Options.MaxDispatches)
        {
            End(work);
            Refuse(work, Messages.Failure(
                Messages.PoisonError, $"The operation was handed to workers {slot.Attempts} times without a result."));
            return;
        }

        End(work);
        if (atOnce && slot.Attempts <= WorkDispatcher.QuickAttempts)
        {
            Settle(slot);
            return;
        }

        slot.Refusers = [.. slot.Refusers.Append(work.Session).Where(dispatcher.Sessions.Contains).Distinct()];
        TimeSpan delay = WorkDispatcher.RetryDelay(slot.Attempts);
        EngineLog.ItemReturned(Logger, slot.Id, slot.Attempts, (long)delay.TotalMilliseconds);
        slot.IsDelayed = true;
        timers.At(Time.GetUtcNow() + delay, () =>
        {
            slot.IsDelayed = false;
            Settle(slot);
        });
    }

}
