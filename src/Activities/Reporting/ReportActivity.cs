using System.Text;
using System.Text.Json;
using Microsoft.DurableTask;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Writes the report, as JSON and as a page.</summary>
public sealed class ReportActivity(RunLedger ledger, TimeProvider clock) : TaskActivity<ReportInput, RunOutcome>
{
    private static readonly JsonSerializerOptions Indented = new(RunLedger.Json) { WriteIndented = true };

    /// <inheritdoc />
    public override async Task<RunOutcome> RunAsync(TaskActivityContext context, ReportInput input)
    {
        var report = ReportBuilder.Build(ledger, input, clock.GetUtcNow());
        var directory = ledger.DirectoryOf(input.Spec.RunId);
        var curve = MetricsFile.Read(Path.Combine(directory, "metrics.jsonl"));
        await WriteAsync(report.Artifacts.Report, JsonSerializer.Serialize(report, Indented) + "\n");
        await WriteAsync(report.Artifacts.Page, ReportPage.Render(report, curve));

        var outcome = new RunOutcome(input.Status, report.Artifacts.Report, input.Failure);
        if (!input.IsDraft)
        {
            ledger.Append(input.Spec.RunId, LedgerKinds.End, "end", outcome);
        }

        return outcome;
    }

    private static async Task WriteAsync(string path, string text)
    {
        var aside = path + ".new";
        await File.WriteAllTextAsync(aside, text, new UTF8Encoding(false));
        File.Move(aside, path, overwrite: true);
    }
}
