using Google.Protobuf;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Protobuf;
using Microsoft.DurableTask.Worker.Grpc;

namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>
/// Replays every episode of a history with the official runner, and compares the actions with the recorded ones.
/// </summary>
internal static class HistoryReplay
{
    private const string Advice =
        "Instances that run would fail or go another way. Keep the orchestrator as it was and add a version beside it: "
        + "CONTRIBUTING.md, 'A change of an orchestrator'.";

    /// <summary>Replays a history.</summary>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="history">The history.</param>
    /// <param name="create">Makes the orchestrator.</param>
    /// <returns>One text for each episode that went another way; none: the orchestrator does as recorded.</returns>
    public static IReadOnlyList<string> Differences(
        string file, RecordedHistory history, Func<ITaskOrchestrator> create)
    {
        var episodes = Episodes(history.Events);
        var problems = new List<string>();
        for (var number = 0; number < episodes.Count; number++)
        {
            var answer = Run(history.Request, episodes, number, create());
            var isLast = number == episodes.Count - 1;
            List<OrchestratorStep> recorded = isLast
                ? [.. history.Response.Actions.Select(OrchestratorStep.Of)]
                : [.. episodes[number].Select(OrchestratorStep.Of).OfType<OrchestratorStep>()];
            List<OrchestratorStep> replayed = [.. answer.Actions.Select(OrchestratorStep.Of)];
            var where = $"{file}, {history.Orchestrator}, episode {number + 1} of {episodes.Count}";
            if (!IsSame(recorded, replayed))
            {
                problems.Add($"{where}:\n{List("recorded", recorded)}\n{List("replayed", replayed)}\n{Advice}");
            }

            if (isLast && !OrchestratorStep.PayloadHolds(history.Response.CustomStatus, answer.CustomStatus))
            {
                problems.Add(
                    $"{where}:\n  recorded custom status: {history.Response.CustomStatus}\n"
                    + $"  replayed custom status: {answer.CustomStatus}\n{Advice}");
            }
        }

        return problems;
    }

    /// <summary>Cuts a history where a worker was given new messages.</summary>
    private static List<List<HistoryEvent>> Episodes(IEnumerable<HistoryEvent> events)
    {
        var episodes = new List<List<HistoryEvent>>();
        foreach (var item in events)
        {
            if (item.OrchestratorStarted is not null)
            {
                episodes.Add([]);
            }

            episodes[^1].Add(item);
        }

        return episodes;
    }

    private static OrchestratorResponse Run(
        OrchestratorRequest last, List<List<HistoryEvent>> episodes, int number, ITaskOrchestrator orchestrator)
    {
        var request = last.Clone();
        request.PastEvents.Clear();
        request.NewEvents.Clear();
        request.PastEvents.Add(episodes.Take(number).SelectMany(episode => episode));
        request.NewEvents.Add(episodes[number].Where(
            item => item.OrchestratorCompleted is null && OrchestratorStep.Of(item) is null));
        var answer = GrpcOrchestrationRunner.LoadAndRun(Convert.ToBase64String(request.ToByteArray()), orchestrator);
        return OrchestratorResponse.Parser.ParseFrom(Convert.FromBase64String(answer));
    }

    private static bool IsSame(List<OrchestratorStep> recorded, List<OrchestratorStep> replayed) =>
        recorded.Count == replayed.Count && recorded.Zip(replayed).All(pair => pair.First.IsRepeatedBy(pair.Second));

    private static string List(string title, List<OrchestratorStep> steps) => steps.Count == 0
        ? $"  {title}: nothing"
        : string.Join('\n', steps.Select(step => $"  {title}: {step}"));
}
