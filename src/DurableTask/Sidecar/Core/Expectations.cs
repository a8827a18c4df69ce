using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>A call of an entity that has no answer yet.</summary>
internal sealed record OpenCall(string RequestId, string EntityId, string Operation, Timestamp Since);

/// <summary>Events of one name that an execution received, read or not.</summary>
internal sealed record ReceivedEvents(string Name, int Count, Timestamp Last);

/// <summary>
/// Finds the open calls of an execution in its history. They are not kept with the state: only operators ask for them,
/// and a walk over one history is cheap.
/// </summary>
internal sealed class Expectations
{
    private readonly Dictionary<int, HistoryEvent> _asked = [];
    private readonly Dictionary<string, OpenCall> _calls = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, ReceivedEvents> _events = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, Timestamp> _sections = new(StringComparer.OrdinalIgnoreCase);

    public Expectations(InstanceState state)
    {
        state.History.ForEach(Read);
        state.Inbox.ForEach(Read);
    }

    /// <summary>The suspension that no resumption followed, whether or not an episode has seen it.</summary>
    public HistoryEvent? Suspension { get; private set; }

    public IEnumerable<OpenCall> Calls => _calls.Values;

    public IEnumerable<ReceivedEvents> Events => _events.Values;

    /// <summary>Returns the event that made the request with an id; null if another execution made it.</summary>
    public HistoryEvent? Asked(int id) => _asked.GetValueOrDefault(id);

    /// <summary>Returns the time at which the locks of a critical section were requested.</summary>
    public Timestamp? SectionAsked(string sectionId) => _sections.GetValueOrDefault(sectionId);

    private void Read(HistoryEvent item)
    {
        if (item.EventId >= 0)
        {
            _asked[item.EventId] = item;
        }

        switch (item.EventTypeCase)
        {
            case HistoryEvent.EventTypeOneofCase.EntityOperationCalled:
                EntityOperationCalledEvent call = item.EntityOperationCalled;
                _calls[call.RequestId] = new OpenCall(
                    call.RequestId, call.TargetInstanceId ?? string.Empty, call.Operation, item.Timestamp);
                break;
            case HistoryEvent.EventTypeOneofCase.EntityOperationCompleted:
                _calls.Remove(item.EntityOperationCompleted.RequestId);
                break;
            case HistoryEvent.EventTypeOneofCase.EntityOperationFailed:
                _calls.Remove(item.EntityOperationFailed.RequestId);
                break;
            case HistoryEvent.EventTypeOneofCase.EntityLockRequested:
                _sections[item.EntityLockRequested.CriticalSectionId] = item.Timestamp;
                break;
            case HistoryEvent.EventTypeOneofCase.EventSent when EntityId.IsEntity(item.EventSent.InstanceId):
                ReadClassic(item);
                break;
            case HistoryEvent.EventTypeOneofCase.EventRaised:
                ReadRaised(item);
                break;
            case HistoryEvent.EventTypeOneofCase.ExecutionSuspended:
                Suspension = item;
                break;
            case HistoryEvent.EventTypeOneofCase.ExecutionResumed:
                Suspension = null;
                break;
        }
    }

    private void ReadRaised(HistoryEvent item)
    {
        string name = item.EventRaised.Name;
        // The older encoding answers calls and requests for locks with an event named by the request's id.
        if (_calls.Remove(name) || _sections.ContainsKey(name))
        {
            return;
        }

        int count = _events.TryGetValue(name, out ReceivedEvents? before) ? before.Count : 0;
        _events[name] = new ReceivedEvents(name, count + 1, item.Timestamp);
    }

    private void ReadClassic(HistoryEvent item)
    {
        JsonNode? data;
        try
        {
            data = JsonNode.Parse(item.EventSent.Input ?? string.Empty);
        }
        catch (JsonException)
        {
            // Events that are no entity messages are not sent to entities, so there is no answer to wait for.
            return;
        }

        if ((string?)data?["id"] is not { } id || item.EventSent.Name == "release")
        {
            return;
        }

        if (data["lockset"] is JsonArray)
        {
            _sections[id] = item.Timestamp;
        }
        else if (!((bool?)data["signal"] ?? false))
        {
            _calls[id] = new OpenCall(
                id, item.EventSent.InstanceId, (string?)data["op"] ?? string.Empty, item.Timestamp);
        }
    }
}
