using System.Globalization;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Capacity.Tests.Chaos;

/// <summary>
/// Whole rehearsals under random faults: spot losses, broken workers, crashes of the service with a replay of every
/// history, lost, late and repeated answers of the cloud, items that are handed out twice.
/// </summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    private const string Variable = "WORKFLOWS_CHAOS_RUNS";
    private const int Usual = 200, UsualGroups = 20;

    [Fact]
    public async Task Runs_UnderRandomFaults_EndWithAVerdictNothingAliveAndTheCloudsOwnBill()
    {
        var (count, succeeded, _, moved) = await PlayAsync(Usual, isGroup: false);

        // Faults that ended every run would test little of what follows a recovery.
        Assert.True(succeeded * 3 >= count, $"Only {succeeded} of {count} runs succeeded.");
        Assert.True(count < Usual || moved * 20 >= count, $"Only {moved} moves in {count} runs.");
    }

    /// <summary>Each second of a node that passes from variant to variant is on exactly one bill.</summary>
    [Fact]
    public async Task Groups_ThatPassNodesOn_EndWithNothingAliveAndTheCloudsOwnBill()
    {
        var (count, _, passed, _) = await PlayAsync(UsualGroups, isGroup: true);

        Assert.True(passed * 2 >= count, $"Only {passed} nodes were passed on in {count} groups.");
    }

    private async Task<(int Count, int Succeeded, int Passed, int Moved)> PlayAsync(int usual, bool isGroup)
    {
        var count = int.TryParse(
            Environment.GetEnvironmentVariable(Variable), CultureInfo.InvariantCulture, out var asked) ? asked : usual;
        using var folder = new TemporaryFolder();
        var corpus = folder.WriteLines(
            "train.tsv",
            [
                "ko\ten",
                .. Enumerable.Range(1, 60).Select(each => $"나는 {each}번 버스를 탑니다.\tI take bus number {each}."),
            ]);
        int crashes = 0, items = 0, passed = 0, lost = 0;
        var moves = new Dictionary<string, int>(StringComparer.Ordinal);
        var ends = new Dictionary<string, int>(StringComparer.Ordinal);
        await Seeds.TryAsync(count, async random =>
        {
            using var run = new ChaosRun(random, corpus, isGroup);
            var outcome = await run.RunAsync();
            var end = outcome.Failure?.Code ?? $"{outcome.Status}";
            ends[end] = ends.GetValueOrDefault(end) + 1;
            crashes += run.Crashes;
            items += run.WorkItems;
            passed += run.Passed;
            lost += run.LostCreates;
            foreach (var (kind, number) in run.Moves)
            {
                moves[kind] = moves.GetValueOrDefault(kind) + number;
            }
        });
        output.WriteLine(
            $"{items} work items, {crashes} crashes of the service, {passed} nodes passed on, "
            + $"{lost} nodes asked for without an answer, "
            + string.Concat(moves.Select(each => $"{each.Key} {each.Value}, ")) + "ends: "
            + string.Join(", ", ends.OrderByDescending(end => end.Value).Select(end => $"{end.Key} {end.Value}")));
        Assert.True(lost * 10 >= count, $"Only {lost} nodes were asked for without an answer in {count} runs.");
        return (count, ends.GetValueOrDefault($"{RunStatus.Succeeded}"), passed,
            moves.GetValueOrDefault(LedgerKinds.Moved));
    }
}
