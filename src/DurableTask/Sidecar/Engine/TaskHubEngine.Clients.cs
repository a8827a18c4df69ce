using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>What clients ask for, one instance at a time.</summary>
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
        CheckPolicy(request.OrchestrationIdReusePolicy);
        MakeRoom(hub, id, request.OrchestrationIdReusePolicy);
        var started = new ExecutionStartedEvent
        {
            Name = request.Name,
            Version = request.Version,
            Input = request.Input,
            ParentTraceContext = request.ParentTraceContext,
        };
        started.Tags.Add(request.Tags);
        Create(hub, id, NewExecution(id, started, request.ScheduledStartTimestamp));
        Answer(answer, id);
    });

    public Task<GetInstanceResponse> GetAsync(string hub, GetInstanceRequest request) =>
        AskAsync<GetInstanceResponse>(answer =>
        {
            if (_live.TryGetValue((hub, request.InstanceId), out InstanceSlot? slot))
            {
                Answer(answer, Found(slot.State, request.GetInputsAndOutputs));
            }
            else
            {
                answer.TrySetResult(Stored(hub, request) ?? new GetInstanceResponse());
            }
        });

    /// <summary>Waits without polling: the commit of the status that is waited for gives the answer.</summary>
    public async Task<GetInstanceResponse> WaitAsync(
        string hub, GetInstanceRequest request, bool forCompletion, CancellationToken cancellation)
    {
        Waiter? waiter = null;
        InstanceSlot? slot = null;
        Task<GetInstanceResponse> result = AskAsync<GetInstanceResponse>(answer =>
        {
            if (!_live.TryGetValue((hub, request.InstanceId), out slot))
            {
                answer.TrySetResult(Stored(hub, request) ?? throw Refuse(
                    StatusCode.NotFound, $"There is no orchestration '{request.InstanceId}'."));
            }
            else if (forCompletion ? slot.State.IsTerminal : slot.State.Status != OrchestrationStatus.Pending)
            {
                Answer(answer, Found(slot.State, request.GetInputsAndOutputs));
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
                Post(() => slot?.Waiters.Remove(waiter!));
            }
        }
    }

    public Task<bool> RaiseAsync(string hub, RaiseEventRequest request) => AskAsync<bool>(answer =>
    {
        CheckSize(request.Input, "event");
        Deliver(hub, request.InstanceId, Messages.Raised(request.Name, request.Input, Now()));
        Answer(answer, true);
    });

    public Task<bool> TerminateAsync(string hub, TerminateRequest request) => AskAsync<bool>(answer =>
    {
        CheckSize(request.Output, "output");
        Deliver(hub, request.InstanceId, Messages.Terminated(request.Output, request.Recursive, Now()));
        Answer(answer, true);
    });

    public Task<bool> SuspendAsync(string hub, SuspendRequest request) => AskAsync<bool>(answer =>
    {
        CheckSize(request.Reason, "reason");
        Deliver(hub, request.InstanceId, new HistoryEvent
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
        if (FindRunning(hub, request.InstanceId) is { State.Parked: not null } parked)
        {
            Unpark(parked);
            if (parked.State.Status != OrchestrationStatus.Suspended)
            {
                Answer(answer, true);
                return;
            }
        }

        Deliver(hub, request.InstanceId, new HistoryEvent
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
        OrchestrationState old = Stored(hub, new() { InstanceId = id, GetInputsAndOutputs = true })?.OrchestrationState
            ?? throw Refuse(StatusCode.NotFound, $"There is no orchestration '{id}'.");
        string newId = request.RestartWithNewInstanceId ? Guid.NewGuid().ToString("N") : id;
        if (newId == id)
        {
            if (FindRunning(hub, id) is not null)
            {
                throw Refuse(StatusCode.FailedPrecondition, $"Orchestration '{id}' has not ended; it cannot restart.");
            }

            Remove(hub, id);
        }

        var started = new ExecutionStartedEvent { Name = old.Name, Version = old.Version, Input = old.Input };
        started.Tags.Add(old.Tags);
        Create(hub, newId, NewExecution(newId, started, startAt: null));
        Answer(answer, newId);
    });

    /// <summary>The history of a work item that is too large to carry it.</summary>
    public Task<IReadOnlyList<HistoryEvent>> WorkItemHistoryAsync(string hub, StreamInstanceHistoryRequest request) =>
        AskAsync<IReadOnlyList<HistoryEvent>>(answer =>
        {
            if (FindRunning(hub, request.InstanceId) is not { Episode: not null } slot
                || (request.ExecutionId is not null && slot.State.ExecutionId != request.ExecutionId))
            {
                throw Refuse(StatusCode.NotFound, $"No worker has an episode of '{request.InstanceId}'.");
            }

            answer.TrySetResult([.. slot.State.History]);
        });

    /// <summary>The history of an unfinished instance as a client may see it; null when it is not unfinished.</summary>
    public Task<IReadOnlyList<HistoryEvent>?> LiveHistoryAsync(string hub, string id) =>
        AskAsync<IReadOnlyList<HistoryEvent>?>(answer => Answer(
            answer,
            _live.TryGetValue((hub, id), out InstanceSlot? slot) ? [.. slot.State.History] : null));

    private GetInstanceResponse? Stored(string hub, GetInstanceRequest request)
    {
        if (_live.TryGetValue((hub, request.InstanceId), out InstanceSlot? slot))
        {
            return Found(slot.State, request.GetInputsAndOutputs);
        }

        // What is unfinished is in memory; the file may still have it for a moment after its hub was deleted.
        return _store.Find(hub, request.InstanceId) is { } stored && InstanceState.IsEnd(stored.Status)
            ? new GetInstanceResponse
            {
                Exists = true,
                OrchestrationState = Visible(stored.Summary, request.GetInputsAndOutputs),
            }
            : null;
    }

    private static OrchestrationState Visible(OrchestrationState state, bool withData)
    {
        if (!withData)
        {
            state.Input = null;
            state.Output = null;
            state.CustomStatus = null;
        }

        return state;
    }

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

    // Status by policy: no policy refuses every unfinished instance and replaces the others; a policy replaces exactly
    // what it lists, after terminating it where needed.
    private void MakeRoom(string hub, string id, OrchestrationIdReusePolicy? policy)
    {
        if (Stored(hub, new() { InstanceId = id }) is not { } existing)
        {
            return;
        }

        OrchestrationStatus status = existing.OrchestrationState.OrchestrationStatus;
        bool isTerminal = FindRunning(hub, id) is null;
        if (policy is null ? !isTerminal : !policy.ReplaceableStatus.Contains(status))
        {
            throw Refuse(
                StatusCode.AlreadyExists, $"An orchestration with id '{id}' exists and has status {status}.");
        }

        if (FindRunning(hub, id) is { } running)
        {
            Terminate(running, $"Replaced by a new orchestration of the same id.");
        }

        Remove(hub, id);
    }

    private void Terminate(InstanceSlot slot, string? reason)
    {
        slot.Episode?.IsStale = true;
        slot.Episode = null;
        Apply(slot, Episode.TerminatePending(slot.State, reason, Now()));
    }

    private static void CheckTime(Timestamp? time, string what)
    {
        if (!Moment.IsValid(time))
        {
            throw Refuse(StatusCode.InvalidArgument, $"The {what} is outside the years 1 to 9999.");
        }
    }

    private void CheckSize(string? data, string what)
    {
        if (data is not null && System.Text.Encoding.UTF8.GetByteCount(data) > _options.MaxPayloadBytes)
        {
            throw Refuse(
                StatusCode.InvalidArgument,
                $"The {what} is larger than {_options.MaxPayloadBytes} bytes. Pass a reference to the data instead.");
        }
    }
}
