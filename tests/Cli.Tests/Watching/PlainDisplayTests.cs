using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Cli.Tests.Watching;

/// <summary>Lines for pipes and logs.</summary>
public sealed class PlainDisplayTests
{
    private const string Evil = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202edrow";

    private static readonly RunView Run = new()
    {
        Id = new RunId("run-1"),
        Name = "n",
        Status = RunStatus.Running,
        Stage = RunStageName.Train,
        Detail = "",
    };

    /// <summary>A place that is passed over in every round is said once; asked again and refused, it is news.</summary>
    [Fact]
    public async Task Update_PlacePassedOverEachRound_SaysItOnce()
    {
        var text = await ShowAsync(update =>
        {
            update(Run, [Skip(1, "z-a"), Skip(2, "z-b")]);
            update(Run, [Skip(3, "z-a"), Skip(4, "z-b")]);
            update(Run, [Skip(5, "z-a"), Skip(6, "z-b", "QUOTA_EXHAUSTED"), Refused(7, "z-a"), Refused(8, "z-a")]);
        });

        Assert.Equal(
            [
                "attempt 1   z-a: not asked, OUT_OF_CAPACITY; Refused lately",
                "attempt 2   z-b: not asked, OUT_OF_CAPACITY; Refused lately",
                "attempt 6   z-b: not asked, QUOTA_EXHAUSTED; Refused lately",
                "attempt 7   z-a: refused, OUT_OF_CAPACITY: Refused lately",
                "attempt 8   z-a: refused, OUT_OF_CAPACITY: Refused lately",
            ],
            text.Split('\n').Where(line => line.Contains("attempt ", StringComparison.Ordinal))
                .Select(line => line[10..]));
    }

    /// <summary>Texts of the cloud, of a worker and of the request reach no terminal as they are.</summary>
    [Fact]
    public async Task Show_TextsWithTerminalSequences_AreShownAsText()
    {
        var run = Run with
        {
            Name = $"name {Evil}",
            Detail = $"detail {Evil}",
            Transfer = new TransferView(Evil, 1, 2),
            Progress = new ProgressView($"progress {Evil}", 1, 2, 0.5, 10, 0, 3),
        };
        var text = await ShowAsync(
            update => update(run, [Refused(1, $"zone {Evil}"), Skip(2, "z-a", $"code {Evil}")]), $"notice {Evil}");

        Assert.DoesNotContain(text, character => character != '\n' && char.IsControl(character));
        Assert.DoesNotContain('\u202e', text);
        foreach (var part in new[] { "name", "progress", "zone", "code", "notice" })
        {
            Assert.Contains(
                $@"{part} \u001b]0;owned\u0007\u001b[2J\u009b31m\u202edrow", text, StringComparison.Ordinal);
        }
    }

    private static async Task<string> ShowAsync(
        Action<Action<RunView, IReadOnlyList<RunEvent>>> show, string notice = "")
    {
        using var output = new StringWriter { NewLine = "\n" };
        var display = new PlainDisplay(output);
        await display.RunAsync(update =>
        {
            show(update);
            return Task.CompletedTask;
        });
        display.Notice(notice);
        return output.ToString();
    }

    private static RunEvent Skip(int attempt, string zone, string code = "OUT_OF_CAPACITY") =>
        Attempt(attempt, zone, code, AttemptOutcome.Skipped);

    private static RunEvent Refused(int attempt, string zone) =>
        Attempt(attempt, zone, "OUT_OF_CAPACITY", AttemptOutcome.Refused);

    private static RunEvent Attempt(int attempt, string zone, string code, AttemptOutcome outcome) => new(
        attempt, default, LedgerKinds.Attempt, $"{attempt}", JsonSerializer.SerializeToElement(
            new AttemptEnd(
                Run.Id,
                new TpuLease(
                    NodeName.Of("p", "z", "n"), new Candidate(zone, "t", ProvisioningMode.Spot, "v", 8, 1), attempt),
                outcome, new Refusal(code, RefusalScope.Zone, 60, "Refused lately", "Wait."), 0),
            RunLedger.Json));
}
