using Grpc.Core;
using Workflows.DurableTask.Sidecar.Storage;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>What operators do to many instances at once, without their workers.</summary>
internal sealed partial class TaskHubEngine
{
    /// <summary>Removes every orchestration and entity of a task hub, unfinished ones too.</summary>
    public Task<bool> DeleteHubAsync(string hub) => AskAsync<bool>(answer =>
    {
        foreach (InstanceSlot slot in _live.Values.Where(slot => slot.State.Hub == hub).ToList())
        {
            Forget(slot);
            slot.IsGone = true;
            _parked.Remove(slot);
            _live.Remove((hub, slot.State.Id));
            foreach (Waiter waiter in slot.Waiters)
            {
                waiter.Result.TrySetException(
                    Refuse(StatusCode.NotFound, $"Task hub '{hub}' was deleted with '{slot.State.Id}'."));
            }

            slot.Waiters.Clear();
        }

        foreach (EntityWork work in _handedOutEntities.Values.Where(work => work.Slot.Hub == hub).ToList())
        {
            End(work);
        }

        foreach (EntitySlot slot in _entities.Values.Where(slot => slot.Hub == hub).ToList())
        {
            slot.IsGone = true;
            _entities.Remove((hub, slot.Id));
        }

        Log.HubDeleted(_logger, hub);
        _batch.Operations.Add(new StoreOperation.DeleteHub(hub));
        Answer(answer, true);
    });

    /// <summary>Ends orchestrations without asking their workers; gives the ids of those that were not
    /// unfinished.</summary>
    public Task<IReadOnlyList<string>> TerminateAtOnceAsync(string hub, IReadOnlyCollection<string> ids, string? reason)
    {
        if (ids.Count > MostInBatch)
        {
            throw Refuse(StatusCode.InvalidArgument, $"A batch may name {MostInBatch} instances at most.");
        }

        return AskAsync<IReadOnlyList<string>>(answer =>
        {
            var others = new List<string>();
            foreach (string id in ids)
            {
                if (FindRunning(hub, id) is { } slot)
                {
                    Terminate(slot, reason);
                }
                else
                {
                    others.Add(id);
                }
            }

            Answer(answer, others);
        });
    }
}
