using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Takes up ended orchestrations again, or forgets them when their time is over.</summary>
internal sealed partial class TaskHubEngine
{
    private const int MostExpired = 200;

    public Task<bool> RewindAsync(string hub, RewindInstanceRequest request) => AskAsync<bool>(answer =>
    {
        CheckSize(request.Reason, "reason");
        InstanceSlot slot = FindEnded(hub, request.InstanceId)
            ?? throw Refuse(StatusCode.NotFound, $"There is no orchestration '{request.InstanceId}'.");
        if (slot.State.Status != OrchestrationStatus.Failed)
        {
            throw Refuse(
                StatusCode.FailedPrecondition,
                $"Only failed orchestrations can be rewound; '{slot.State.Id}' is {slot.State.Status}.");
        }

        if (Rewind.HasOpenLock(slot.State.History))
        {
            throw Refuse(
                StatusCode.FailedPrecondition,
                $"'{slot.State.Id}' failed inside a critical section; its locks are lost and it cannot be rewound.");
        }

        TakeUpAgain(slot, request.Reason, []);
        Answer(answer, true);
    });

    private void TakeUpAgain(InstanceSlot slot, string? reason, HashSet<string> seen)
    {
        InstanceState state = slot.State;
        string hub = state.Hub;
        seen.Add(state.Id);
        var fates = new Dictionary<int, ChildFate>();
        var answers = new List<HistoryEvent>();
        foreach ((int taskId, string childId) in Rewind.UnfinishedChildren(state.History))
        {
            InstanceSlot? child = FindEnded(hub, childId);
            ParentInstanceInfo? parent = child?.State.Started.ParentInstance;
            bool isOurs = parent?.OrchestrationInstance?.InstanceId == state.Id && parent.TaskScheduledId == taskId;
            fates[taskId] = ChildFate.Awaited;
            if (child is null || !isOurs || seen.Contains(childId))
            {
                fates[taskId] = ChildFate.StartedAgain;
            }
            else if (child.State.Status == OrchestrationStatus.Completed)
            {
                // It ended after its parent did, so its parent has not heard of it.
                var end = new ExecutionCompletedEvent
                {
                    OrchestrationStatus = OrchestrationStatus.Completed,
                    Result = child.State.Output,
                };
                answers.Add(Messages.ChildEnded(taskId, end, Now()));
            }
            else if (child.State.Status == OrchestrationStatus.Failed && !Rewind.HasOpenLock(child.State.History))
            {
                TakeUpAgain(child, reason, seen);
            }
            else if (child.State.IsTerminal)
            {
                fates[taskId] = ChildFate.StartedAgain;
            }
        }

        CreatedRecord record = Rewind.Plan(state, fates, reason, Guid.NewGuid().ToString("N"), Now());
        _live[(hub, state.Id)] = slot;
        Append(slot, new LogRecord { Created = record });
        foreach (HistoryEvent message in answers)
        {
            Append(slot, new LogRecord { Message = message });
        }

        GoOn(slot);
    }

    /// <summary>Takes up what a history leaves open, as after a restart.</summary>
    private void GoOn(InstanceSlot slot)
    {
        foreach ((int timerId, Timestamp fireAt) in slot.State.OpenTimers)
        {
            Arm(slot, timerId, fireAt);
        }

        AfterCommit(() => QueueOpen(slot));
    }

    /// <summary>An instance with its history, also when it has ended and left the memory.</summary>
    private InstanceSlot? FindEnded(string hub, string id)
    {
        if (_live.TryGetValue((hub, id), out InstanceSlot? slot))
        {
            return slot;
        }

        return _store.Find(hub, id) is { } row && _store.Load(row) is { } loaded
            ? new InstanceSlot(loaded.Key, loaded.State, loaded.NextSequence)
            : null;
    }

    private void Expire()
    {
        if (_isStopping || _options.Retention is not { } retention)
        {
            return;
        }

        DateTimeOffset now = _time.GetUtcNow();
        IReadOnlyList<StoredInstance> expired = _store.EndedBefore((now - retention).UtcTicks, MostExpired);
        // What is in memory has just ended, runs again, or is another instance of the same id.
        foreach (StoredInstance row in expired.Where(row => !_live.ContainsKey((row.Hub, row.Id))))
        {
            _batch.Operations.Add(new StoreOperation.Delete(row.Key));
        }

        if (expired.Count > 0)
        {
            Log.Expired(_logger, expired.Count);
        }

        // A full portion: more is likely to wait, but callers come first.
        TimeSpan pause = expired.Count == MostExpired ? TimeSpan.FromMilliseconds(50)
            : TimeSpan.FromTicks(Math.Clamp(
                retention.Ticks / 10, TimeSpan.FromMilliseconds(100).Ticks, TimeSpan.FromMinutes(10).Ticks));
        At(now + pause, Expire);
    }
}
