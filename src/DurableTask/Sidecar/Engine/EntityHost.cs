using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Owns the entities, their queues and their locks, and answers calls for them. All are in memory.</summary>
internal sealed partial class EntityHost(
    EngineLoop loop,
    TaskHubSidecarOptions options,
    TimerQueue timers,
    WorkDispatcher dispatcher,
    InstanceTable instances)
    : EnginePart(loop, options)
{
    private readonly Dictionary<(string Hub, string Id), EntitySlot> _entities = [];
    private readonly Dictionary<string, EntityWork> _handedOut = [];
    private long _lastEntity;
    private long _lastMessage;

    public Task<bool> SignalAsync(string hub, SignalEntityRequest request) => AskAsync<bool>(answer =>
    {
        string id = CheckedEntityId(request.InstanceId);
        CheckSize(request.Input, "input");
        CheckTime(request.ScheduledTime, "scheduled time");
        Send(hub, id, new EntityMessage
        {
            RequestId = request.RequestId,
            Operation = request.Name,
            Input = request.Input,
            Due = request.ScheduledTime,
        });
        Answer(answer, true);
    });

    public Task<GetEntityResponse> GetAsync(string hub, GetEntityRequest request) =>
        AskAsync<GetEntityResponse>(answer =>
        {
            string id = CheckedEntityId(request.InstanceId);
            // Clients can read the state of every entity that exists, so one without a state does not exist for them.
            Answer(answer, _entities.TryGetValue((hub, id), out EntitySlot? slot) && slot.State.State is not null
                ? new GetEntityResponse { Exists = true, Entity = Metadata(slot, request.IncludeState) }
                : new GetEntityResponse());
        });

    public Task<QueryEntitiesResponse> QueryAsync(string hub, EntityQuery query) =>
        AskAsync<QueryEntitiesResponse>(answer =>
        {
            int count = InstanceLists.PageSize(query.PageSize ?? 0);
            string prefix = query.InstanceIdStartsWith ?? string.Empty;
            string? after = InstanceLists.NullIfEmpty(query.ContinuationToken);
            List<EntitySlot> found =
            [
                .. _entities.Values
                    .Where(slot => slot.Hub == hub
                        && (query.IncludeTransient || slot.State.State is not null)
                        && slot.Id.StartsWith(prefix, StringComparison.Ordinal)
                        && (after is null || string.CompareOrdinal(slot.Id, after) > 0)
                        && (query.LastModifiedFrom is null || slot.State.Modified >= query.LastModifiedFrom)
                        && (query.LastModifiedTo is null || slot.State.Modified < query.LastModifiedTo))
                    .OrderBy(slot => slot.Id, StringComparer.Ordinal)
                    .Take(count + 1),
            ];
            var response = new QueryEntitiesResponse();
            int bytes = 0;
            foreach (EntitySlot slot in found.Take(count))
            {
                EntityMetadata entity = Metadata(slot, query.IncludeState);
                response.Entities.Add(entity);
                bytes += entity.CalculateSize();
                if (bytes > InstanceLists.MostBytesInPage)
                {
                    break;
                }
            }

            // Never an empty text, since clients would request the first page again, forever.
            response.ContinuationToken =
                response.Entities.Count < found.Count ? response.Entities[^1].InstanceId : null;
            Answer(answer, response);
        });

    public Task<CleanEntityStorageResponse> CleanAsync(string hub, CleanEntityStorageRequest request) =>
        AskAsync<CleanEntityStorageResponse>(answer =>
        {
            // Empty entities are removed automatically, and so are locks, unless a holder vanished in an unforeseen
            // way.
            int released = 0;
            if (request.ReleaseOrphanedLocks)
            {
                foreach (EntitySlot slot in _entities.Values.Where(slot => slot.Hub == hub).ToList())
                {
                    released += ReleaseOrphan(slot) ? 1 : 0;
                }
            }

            Answer(answer, new CleanEntityStorageResponse { OrphanedLocksReleased = released });
        });

    /// <summary>Deletes an entity with all messages that wait for it.</summary>
    public Task<int> PurgeAsync(string hub, string text) => AskAsync<int>(answer =>
    {
        string id = CheckedEntityId(text);
        if (!_entities.TryGetValue((hub, id), out EntitySlot? slot))
        {
            Answer(answer, 0);
            return;
        }

        if (slot.State.IsRunning || slot.State.Holder is not null || slot.State.Queue.Any(item => item.IsLock))
        {
            throw Refuse(StatusCode.FailedPrecondition, $"Entity '{id}' is busy or locked; it cannot be deleted now.");
        }

        TaskFailureDetails failure = Messages.Failure("EntityDeleted", $"Entity '{id}' was deleted.");
        foreach (QueuedMessage item in slot.State.Queue.Concat(slot.State.Scheduled).ToList())
        {
            Drop(slot, item);
            Reply(hub, item.Message, EntityAnswers.Failed(item.Message, failure, Now()));
        }

        slot.State.State = null;
        Settle(slot);
        Answer(answer, 1);
    });

    private static EntityMetadata Metadata(EntitySlot slot, bool withState) => new()
    {
        InstanceId = slot.Id,
        LastModifiedTime = slot.State.Modified,
        BacklogQueueSize = slot.State.Queue.Count(item => !item.IsLock),
        LockedBy = slot.State.Holder?.InstanceId,
        SerializedState = withState ? slot.State.State : null,
    };

    private static string CheckedEntityId(string text)
    {
        string id = EntityId.Normalize(text)
            ?? throw Refuse(StatusCode.InvalidArgument, $"'{text}' is no entity id; one looks like '@name@key'.");
        return id.Length <= EntityId.MostCharacters
            ? id
            : throw Refuse(
                StatusCode.InvalidArgument,
                $"The entity id has a length of {id.Length}; the longest allowed is {EntityId.MostCharacters}.");
    }

    /// <summary>The number of batches that workers have.</summary>
    public int HandedOutCount => _handedOut.Count;

    /// <summary>Returns an entity in memory; null if there is none.</summary>
    public EntitySlot? Find(string hub, string id) => _entities.GetValueOrDefault((hub, id));

    /// <summary>Takes back the batches that a worker never reported.</summary>
    public void TakeBackOverdue(Func<long, bool> isOver)
    {
        foreach (EntityWork work in _handedOut.Values.Where(work => isOver(work.HandedOutAt)).ToList())
        {
            TakeBack(work);
        }
    }

    /// <summary>Removes every entity of a hub that is being deleted.</summary>
    public void DeleteHub(string hub)
    {
        foreach (EntityWork work in _handedOut.Values.Where(work => work.Slot.Hub == hub).ToList())
        {
            End(work);
        }

        foreach (EntitySlot slot in _entities.Values.Where(slot => slot.Hub == hub).ToList())
        {
            slot.IsGone = true;
            _entities.Remove((hub, slot.Id));
        }
    }
}
