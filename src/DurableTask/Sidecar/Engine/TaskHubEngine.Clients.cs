using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Answers calls of clients for one instance.</summary>
internal sealed partial class TaskHubEngine
{
    public Task<string> StartAsync(string hub, CreateInstanceRequest request) => AskAsync<string>(answer =>
    {
        string id = request.InstanceId.Length > 0 ? request.InstanceId : Guid.NewGuid().ToString("N");
        if (EntityId.IsEntity(id))
        {
            throw Refuse(StatusCode.InvalidArgument, $"'{id}' cannot be an orchestration id: '@' marks entities.");
        }

        if (request.Name.Length == 0)
        {
            throw Refuse(StatusCode.InvalidArgument, "An orchestration cannot be started without a name.");
        }

        CheckSize(request.Input, "input");
        CheckTime(request.ScheduledStartTimestamp, "start time");
        MakeRoom(hub, id, request.OrchestrationIdReusePolicy);
        var started = new ExecutionStartedEvent
        {
            Name = request.Name,
            Version = request.Version,
            Input = request.Input,
            ParentTraceContext = request.ParentTraceContext,
        };
        started.Tags.Add(request.Tags);
        _instances.Create(hub, id, _instances.NewExecution(id, started, request.ScheduledStartTimestamp));
        Answer(answer, id);
    });

    public Task<GetInstanceResponse> GetAsync(string hub, GetInstanceRequest request) =>
        AskAsync<GetInstanceResponse>(answer =>
        {
            if (_instances.Find(hub, request.InstanceId) is { } slot)
            {
                Answer(answer, InstanceTable.Found(slot.State, request.GetInputsAndOutputs));
            }
            else
            {
                answer.TrySetResult(_instances.Stored(hub, request) ?? new GetInstanceResponse());
            }
        });

    /// <summary>Waits without polling: the commit of the awaited status gives the answer.</summary>
    public async Task<GetInstanceResponse> WaitAsync(
        string hub, GetInstanceRequest request, bool forCompletion, CancellationToken cancellation)
    {
        Waiter? waiter = null;
        InstanceSlot? slot = null;
        Task<GetInstanceResponse> result = AskAsync<GetInstanceResponse>(answer =>
        {
            slot = _instances.Find(hub, request.InstanceId);
            if (slot is null)
            {
                answer.TrySetResult(_instances.Stored(hub, request) ?? throw Refuse(
                    StatusCode.NotFound, $"There is no orchestration '{request.InstanceId}'."));
            }
            else if (forCompletion ? slot.State.IsTerminal : slot.State.Status != OrchestrationStatus.Pending)
            {
                Answer(answer, InstanceTable.Found(slot.State, request.GetInputsAndOutputs));
            }
            else
            {
                waiter = new Waiter(forCompletion, request.GetInputsAndOutputs, answer);
                slot.Waiters.Add(waiter);
            }
        });
        try
        {
            return await result.WaitAsync(cancellation);
        }
        finally
        {
            if (!result.IsCompleted)
            {
                Loop.Post(() => slot?.Waiters.Remove(waiter!));
            }
        }
    }

    public Task<bool> RaiseAsync(string hub, RaiseEventRequest request) => AskAsync<bool>(answer =>
    {
        CheckSize(request.Input, "event");
        _instances.Deliver(hub, request.InstanceId, Messages.Raised(request.Name, request.Input, Now()));
        Answer(answer, true);
    });

    public Task<bool> TerminateAsync(string hub, TerminateRequest request) => AskAsync<bool>(answer =>
    {
        CheckSize(request.Output, "output");
        _instances.Deliver(hub, request.InstanceId, Messages.Terminated(request.Output, request.Recursive, Now()));
        Answer(answer, true);
    });

    public Task<bool> SuspendAsync(string hub, SuspendRequest request) => AskAsync<bool>(answer =>
    {
        CheckSize(request.Reason, "reason");
        _instances.Deliver(hub, request.InstanceId, new HistoryEvent
        {
            EventId = -1,
            Timestamp = Now(),
            ExecutionSuspended = new() { Input = request.Reason },
        });
        Answer(answer, true);
    });

    public Task<bool> ResumeAsync(string hub, ResumeRequest request) => AskAsync<bool>(answer =>
    {
        CheckSize(request.Reason, "reason");
        if (_instances.FindRunning(hub, request.InstanceId) is { State.Parked: not null } parked)
        {
            _instances.Unpark(parked);
            if (parked.State.Status != OrchestrationStatus.Suspended)
            {
                Answer(answer, true);
                return;
            }
        }

        _instances.Deliver(hub, request.InstanceId, new HistoryEvent
        {
            EventId = -1,
            Timestamp = Now(),
            ExecutionResumed = new() { Input = request.Reason },
        });
        Answer(answer, true);
    });

    public Task<string> RestartAsync(string hub, RestartInstanceRequest request) => AskAsync<string>(answer =>
    {
        string id = request.InstanceId;
        var whole = new GetInstanceRequest { InstanceId = id, GetInputsAndOutputs = true };
        OrchestrationState old = _instances.Stored(hub, whole)?.OrchestrationState
            ?? throw Refuse(StatusCode.NotFound, $"There is no orchestration '{id}'.");
        string newId = request.RestartWithNewInstanceId ? Guid.NewGuid().ToString("N") : id;
        if (newId == id)
        {
            if (_instances.FindRunning(hub, id) is not null)
            {
                throw Refuse(StatusCode.FailedPrecondition, $"Orchestration '{id}' has not ended; it cannot restart.");
            }

            _instances.Remove(hub, id);
        }

        var started = new ExecutionStartedEvent { Name = old.Name, Version = old.Version, Input = old.Input };
        started.Tags.Add(old.Tags);
        _instances.Create(hub, newId, _instances.NewExecution(newId, started, startAt: null));
        Answer(answer, newId);
    });

    /// <summary>Returns the history of a work item that is too large to include it.</summary>
    public Task<IReadOnlyList<HistoryEvent>> WorkItemHistoryAsync(string hub, StreamInstanceHistoryRequest request) =>
        AskAsync<IReadOnlyList<HistoryEvent>>(answer =>
        {
            if (_instances.FindRunning(hub, request.InstanceId) is not { Episode: not null } slot
                || (request.ExecutionId is not null && slot.State.ExecutionId != request.ExecutionId))
            {
                throw Refuse(StatusCode.NotFound, $"No worker has an episode of '{request.InstanceId}'.");
            }

            answer.TrySetResult([.. slot.State.History]);
        });

    /// <summary>Returns the history of an unfinished instance for a client; null if it is not unfinished.</summary>
    public Task<IReadOnlyList<HistoryEvent>?> LiveHistoryAsync(string hub, string id) =>
        AskAsync<IReadOnlyList<HistoryEvent>?>(answer => Answer(
            answer,
            _instances.Find(hub, id) is { } slot ? [.. slot.State.History] : null));

    // Replacing an unfinished instance terminates it first; refusing to replace terminated ones contradicts that.
    private static void CheckPolicy(OrchestrationIdReusePolicy? policy)
    {
        if (policy is null || policy.ReplaceableStatus.Contains(OrchestrationStatus.Terminated))
        {
            return;
        }

        foreach (OrchestrationStatus status in policy.ReplaceableStatus)
        {
            if (status is OrchestrationStatus.Running or OrchestrationStatus.Pending or OrchestrationStatus.Suspended)
            {
                throw Refuse(
                    StatusCode.InvalidArgument,
                    "Invalid reusable statuses: cannot exclude 'Terminated' while also allowing reuse of running "
                    + $"instances, here '{status}'. Add 'Terminated' to the reusable statuses or take '{status}' out.");
            }
        }
    }

    // Without a policy every unfinished instance is refused and all others are replaced. A policy replaces exactly the
    // statuses that it lists, and terminates the instance first if needed.
    private void MakeRoom(string hub, string id, OrchestrationIdReusePolicy? policy)
    {
        if (_instances.Stored(hub, new() { InstanceId = id }) is not { } existing)
        {
            return;
        }

        OrchestrationStatus status = existing.OrchestrationState.OrchestrationStatus;
        bool isTerminal = _instances.FindRunning(hub, id) is null;
        if (!isTerminal)
        {
            CheckPolicy(policy);
        }

        if (policy is null ? !isTerminal : !policy.ReplaceableStatus.Contains(status))
        {
            throw Refuse(
                StatusCode.AlreadyExists, $"An orchestration with id '{id}' exists and has status {status}.");
        }

        if (_instances.FindRunning(hub, id) is { } running)
        {
            _instances.Terminate(running, $"Replaced by a new orchestration of the same id.");
        }

        _instances.Remove(hub, id);
    }

    public Task<bool> RewindAsync(string hub, RewindInstanceRequest request) => AskAsync<bool>(answer =>
    {
        CheckSize(request.Reason, "reason");
        InstanceSlot slot = _instances.FindEnded(hub, request.InstanceId)
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

        _instances.TakeUpAgain(slot, request.Reason, []);
        Answer(answer, true);
    });

    /// <summary>Ends orchestrations without their workers; returns the ids of those that were not unfinished.</summary>
    public Task<IReadOnlyList<string>> TerminateAtOnceAsync(string hub, IReadOnlyCollection<string> ids, string? reason)
    {
        if (ids.Count > InstanceLists.MostInBatch)
        {
            throw Refuse(
                StatusCode.InvalidArgument, $"A batch may name {InstanceLists.MostInBatch} instances at most.");
        }

        return AskAsync<IReadOnlyList<string>>(answer =>
        {
            var others = new List<string>();
            foreach (string id in ids)
            {
                if (_instances.FindRunning(hub, id) is { } slot)
                {
                    _instances.Terminate(slot, reason);
                }
                else
                {
                    others.Add(id);
                }
            }

            Answer(answer, others);
        });
    }

    /// <summary>Removes every orchestration and entity of a task hub, including unfinished ones.</summary>
    public Task<bool> DeleteHubAsync(string hub) => AskAsync<bool>(answer =>
    {
        _instances.DeleteHub(hub);
        Entities.DeleteHub(hub);
        EngineLog.HubDeleted(Logger, hub);
        Write(new StoreOperation.DeleteHub(hub));
        Answer(answer, true);
    });
}
