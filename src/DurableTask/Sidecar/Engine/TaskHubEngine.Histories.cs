using Workflows.DurableTask.Protocol;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>How much of its history an episode takes along.</summary>
internal sealed partial class TaskHubEngine
{
    // Before the result is applied: the worker has the history as it was, the start of the episode and its messages.
    private static void Keep(Work work) => work.Slot.Kept = work.Session.KeptHistories == 0 ? null : new KeptHistory(
        work.Session,
        work.Token,
        work.ExecutionId,
        work.Slot.State.History.Count + 1 + work.Consumed,
        work.Number);

    private void AddHistory(OrchestratorRequest request, InstanceSlot slot, WorkerSession session, long messageBytes)
    {
        InstanceState state = slot.State;
        if (slot.Kept is { } kept && kept.Session == session && kept.ExecutionId == state.ExecutionId
            && session.Episodes - kept.Episode <= session.KeptHistories && kept.Count <= state.History.Count)
        {
            List<HistoryEvent> rest = state.History[kept.Count..];
            if (Fits(rest.Sum(item => item.CalculateSize() + 4L)))
            {
                request.HistoryAfter = kept.Token;
                request.PastEvents.AddRange(rest);
                return;
            }
        }

        if (session.StreamsHistory && !Fits(state.HistoryBytes))
        {
            request.RequiresHistoryStreaming = true;
        }
        else
        {
            request.PastEvents.AddRange(state.History);
        }

        // One message may be nearly as large as an item can be, and then no history fits beside it.
        bool Fits(long bytes) =>
            bytes <= _options.HistoryStreamingThresholdBytes && bytes + messageBytes <= MostBytesInItem;
    }
}
