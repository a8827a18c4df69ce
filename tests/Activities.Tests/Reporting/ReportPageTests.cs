using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>Texts of others in the page and in its JSON: sentences of a corpus, outputs of a model, errors.</summary>
public sealed class ReportPageTests
{
    private const string Evil =
        "<script>alert(1)</script>\" onload='x'&\u001b[2J\u001b]0;x\u0007\u009b1m\u202edrow\u0000";

    private const string Shown =
        @"&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39;&amp;\u001b[2J\u001b]0;x\u0007";

    private static RunReport Report
    {
        get
        {
            var verdict = Reports.Verdict(VerdictOutcome.Finer, 4, 0.001) with
            {
                Notes = [$"note {Evil}"],
                Examples = [new ExampleRow($"source {Evil}", $"reference {Evil}", $"base {Evil}", $"tuned {Evil}")],
            };
            return Reports.Report(verdict) with
            {
                Name = $"name {Evil}",
                Status = RunStatus.Failed,
                Failure = new RunFailure($"code {Evil}", $"message {Evil}", $"fix {Evil}"),
                Attempts =
                [
                    new AttemptRow(
                        1, $"zone {Evil}", $"type {Evil}", ProvisioningMode.Spot, AttemptOutcome.Refused,
                        $"refusal {Evil}", $"reason {Evil}", RefusalScope.Zone, $"remedy {Evil}", 1),
                ],
                Recoveries = [new RecoveryRow($"lost {Evil}", $"cause {Evil}", 1, 1, 1)],
                Moves =
                [
                    new MoveRow(
                        DateTimeOffset.UnixEpoch, $"from {Evil}", $"to {Evil}", MoveReason.BackToSpot, MoveStep.GivenUp,
                        60, 3, 1, $"why {Evil}"),
                ],
                Teardown = [new TeardownRow("p/nodes/node <script>", $"gone {Evil}", null, false)],
                Data = new PreparedData("t", "e", 1, 1, new Dictionary<string, int> { [$"dropped {Evil}"] = 1 })
                {
                    Samples = [new DroppedSample($"sample {Evil}", 1, $"text {Evil}")],
                    Gates = [new GateResult($"gate {Evil}", $"found {Evil}")],
                },
            };
        }
    }

    [Fact]
    public void Render_TextsWithMarkupAndTerminalSequences_ShowsThemAsText()
    {
        var page = ReportPage.Render(Report, []);

        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(page, character => char.IsControl(character) && character is not ('\n' or '\r' or '\t'));
        Assert.DoesNotContain('\u202e', page);
        foreach (var part in new[]
        {
            "name", "note", "source", "reference", "base", "tuned", "code", "message", "fix", "zone", "type", "refusal",
            "reason", "remedy", "lost", "cause", "gone", "dropped", "sample", "text", "gate", "found",
            "from", "to", "why",
        })
        {
            Assert.Contains($"{part} {Shown}", page, StringComparison.Ordinal);
        }

        Assert.Contains("node &lt;script", page, StringComparison.Ordinal);
    }

    /// <summary>The command prints this file as it is.</summary>
    [Fact]
    public void Json_OfTextsWithTerminalSequences_HasNone()
    {
        var json = JsonSerializer.Serialize(Report, RunLedger.Json);

        Assert.DoesNotContain(json, char.IsControl);
        Assert.Equal(Report.Name, JsonSerializer.Deserialize<RunReport>(json, RunLedger.Json)!.Name);
    }
}
