namespace Workflows.Orchestrations.Tests.Replay;

/// <summary>Replays every recorded history with the orchestrators of today.</summary>
public sealed class HistoryReplayTests
{
    public static TheoryData<string> Files => [.. RecordedHistory.Files];

    [Theory]
    [MemberData(nameof(Files))]
    public void Replay_OfARecordedHistory_DoesAsRecorded(string file)
    {
        var history = RecordedHistory.Read(file);

        var differences = HistoryReplay.Differences(
            file, history, OrchestratorTable.Find(history.Orchestrator, history.Version).Create);

        // The first one says it: after it, the replay and the history are no longer about the same thing.
        Assert.True(differences is [], differences is [var first, ..] ? $"{first}\n{differences.Count} differ." : null);
    }

    [Fact]
    public void Files_CoverEveryScenarioAndEveryOrchestrator()
    {
        var histories = RecordedHistory.Files.Select(RecordedHistory.Read).ToList();

        Assert.Equal(
            Scenarios.All.Select(scenario => scenario.Name).Order(),
            histories.Select(history => history.Scenario).Distinct().Order());
        Assert.Empty(OrchestrationRegistration.Orchestrators.Except(
            histories.Select(history => OrchestratorTable.Find(history.Orchestrator, history.Version))));
    }

    [Theory]
    [InlineData(nameof(TpuWorkOrchestration))]
    [InlineData(nameof(TeardownOrchestration))]
    [InlineData(nameof(SweepOrchestration))]
    public void Files_OfAnOrchestratorThatContinuesAsNew_HaveBothKindsOfGenerations(string orchestrator)
    {
        var ends = RecordedHistory.Files.Select(RecordedHistory.Read)
            .Where(history => history.Orchestrator == orchestrator)
            .SelectMany(history => history.Response.Actions)
            .Select(action => action.CompleteOrchestration?.OrchestrationStatus.ToString())
            .OfType<string>();

        Assert.Superset(new HashSet<string> { "ContinuedAsNew", "Completed" }, ends.ToHashSet());
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void File_ReadAndWritten_IsTheSame(string file)
    {
        var history = RecordedHistory.Read(file);

        var again = RecordedHistory.Parse(history.Write());

        Assert.Equal((history.Request, history.Response), (again.Request, again.Response));
    }
}
