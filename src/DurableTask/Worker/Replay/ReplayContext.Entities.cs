using Google.Protobuf.Collections;
using Microsoft.DurableTask.Entities;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>Messages to entities and their answers. Waiting for an answer does not keep an orchestration
/// open.</summary>
internal sealed partial class ReplayContext
{
    private readonly Dictionary<string, TaskCompletionSource<EntityAnswer>> _entityCalls =
        new(StringComparer.OrdinalIgnoreCase);

    private EntityFeature? _entities;
    private EntityLocks? _locks;

    public override TaskOrchestrationEntityFeature Entities => worker.Entities == EntityMode.Off
        ? throw new NotSupportedException(
            $"Durable entities are switched off: set {nameof(DurableTaskWorkerOptions)}."
            + $"{nameof(DurableTaskWorkerOptions.EnableEntitySupport)} to true.")
        : _entities ??= new EntityFeature(this, worker.Converter);

    public EntityLocks Locks => _locks ??= new EntityLocks(Unlock);

    private Proto.OrchestrationInstance Caller => Started.OrchestrationInstance;

    public Task<EntityAnswer> CallEntityAsync(EntityInstanceId entity, string operation, string? input)
    {
        CheckThread();
        Guid request = NewGuid();
        AddAction(EntityMessages.Call(worker.Entities, entity, operation, input, request, Caller));
        return WaitForEntityAsync(request);
    }

    public void SignalEntity(EntityInstanceId entity, string operation, string? input, DateTimeOffset? due)
    {
        CheckThread();
        // A backend may not keep a timer for long; the whole time goes along beside the shortened one.
        DateTimeOffset latest = new DateTimeOffset(_now, TimeSpan.Zero) + worker.MaximumTimerInterval;
        AddAction(EntityMessages.Signal(
            worker.Entities, entity, operation, input, NewGuid(), due, due > latest ? latest : due));
    }

    public async Task<Guid> LockEntitiesAsync(EntityInstanceId[] set)
    {
        CheckThread();
        Guid section = NewGuid();
        Locks.Begin(set, section);
        AddAction(EntityMessages.Lock(worker.Entities, set, section, Caller));
        await WaitForEntityAsync(section);
        Locks.Grant();
        return section;
    }

    /// <summary>False for an event that is no answer of an entity.</summary>
    public bool TryAnswerEntity(Proto.EventRaisedEvent raised)
    {
        if (!_entityCalls.TryGetValue(raised.Name, out TaskCompletionSource<EntityAnswer>? call))
        {
            return false;
        }

        _entityCalls.Remove(raised.Name);
        call.TrySetResult(EntityMessages.ReadAnswer(raised.Input));
        return true;
    }

    public void AnswerEntity(string requestId, EntityAnswer answer)
    {
        // A second answer, or one to an older generation, has nobody to go to.
        if (_entityCalls.Remove(requestId, out TaskCompletionSource<EntityAnswer>? call))
        {
            call.TrySetResult(answer);
        }
    }

    /// <summary>Gives back what the orchestration has claimed and not released, whatever its end was.</summary>
    public void AddUnlocksTo(RepeatedField<Proto.OrchestratorAction> actions, int endId)
    {
        if (worker.Entities != EntityMode.AzureManaged)
        {
            return;
        }

        foreach ((EntityInstanceId entity, Guid section) in Locks.Claimed)
        {
            Proto.OrchestratorAction unlock = EntityMessages.Unlock(worker.Entities, entity, section, InstanceId);
            unlock.Id = endId;
            actions.Add(unlock);
        }
    }

    private Task<EntityAnswer> WaitForEntityAsync(Guid request)
    {
        var call = new TaskCompletionSource<EntityAnswer>();
        _entityCalls.Add(request.ToString(), call);
        return call.Task;
    }

    private void Unlock(EntityInstanceId entity, Guid section) =>
        AddAction(EntityMessages.Unlock(worker.Entities, entity, section, InstanceId));

    private void CheckNoEntity(string? target)
    {
        if (worker.Entities != EntityMode.Off && target is ['@', ..])
        {
            throw new ArgumentException(
                $"'{target}' is the id of an entity, not of an orchestration; use the context's Entities.",
                nameof(target));
        }
    }
}
