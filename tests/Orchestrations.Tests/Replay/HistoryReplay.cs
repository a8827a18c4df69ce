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
            var problem = Difference(recorded, replayed)
                ?? (isLast ? StatusDifference(history.Response.CustomStatus, answer.CustomStatus) : null);
            if (problem is not null)
            {
                problems.Add(
                    $"{file}, {history.Orchestrator}, episode {number + 1} of {episodes.Count}: {problem}\n"
                    + $"{List("recorded", recorded)}\n{List("replayed", replayed)}\n{Advice}");
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

    private static string? Difference(List<OrchestratorStep> recorded, List<OrchestratorStep> replayed) => recorded
        .Zip(replayed, (was, now) => was.DifferenceTo(now) is { } difference ? $"#{was.Id}: {difference}" : null)
        .FirstOrDefault(difference => difference is not null)
        ?? (recorded.Count == replayed.Count ? null : $"{recorded.Count} actions became {replayed.Count}");

    private static string? StatusDifference(string? recorded, string? replayed) =>
        OrchestratorStep.PayloadDifference(recorded, replayed) is { } difference ? $"custom status {difference}" : null;

    private static string List(string title, List<OrchestratorStep> steps) => steps.Count == 0
        ? $"  {title}: nothing"
        : string.Join('\n', steps.Select(step => $"  {title}: {step}"));
}
