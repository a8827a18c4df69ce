using System.Text.Json;
using Microsoft.DurableTask;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Training;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Writes the report, as JSON and as a page.</summary>
/// <param name="ledger">The facts.</param>
/// <param name="clock">Gives the end of the last stage.</param>
/// <param name="artifacts">The place of the tuned model; null for the run's folder.</param>
/// <param name="rates">Receives the run's rates, for the estimates of the next ones; null to keep none.</param>
public sealed class ReportActivity(
    RunLedger ledger, TimeProvider clock, RunArtifacts? artifacts = null, MeasuredRates? rates = null)
    : TaskActivity<ReportInput, RunOutcome>
{
    private readonly RunArtifacts _artifacts = artifacts ?? new RunArtifacts(ledger);

    private static readonly JsonSerializerOptions Indented = new(RunLedger.Json) { WriteIndented = true };

    /// <inheritdoc />
    public override async Task<RunOutcome> RunAsync(TaskActivityContext context, ReportInput input)
    {
        DeadlineFacts.NoteIfMissed(ledger, input.Spec, clock.GetUtcNow());
        input = ReportBuilder.WithEarlier(ledger, input);
        var report = ReportBuilder.Build(ledger, input, clock.GetUtcNow(), await TunedAsync(input));
        var curve = MetricsFile.Read(ledger, input.Spec.RunId);
        await RunFiles.WriteAsync(
            ledger, input.Spec.RunId, ReportFiles.Json, JsonSerializer.Serialize(report, Indented) + "\n");
        foreach (var language in Enum.GetValues<Language>())
        {
            await RunFiles.WriteAsync(
                ledger, input.Spec.RunId, ReportFiles.PageIn(language), ReportPage.Render(report, curve, language));
        }


        var outcome = new RunOutcome(input.Status, report.Artifacts.Report, input.Failure);
        if (EstimateReview.RateOf(ledger, input, report, clock.GetUtcNow()) is { } rate)
        {
            rates?.Remember(rate);
        }

        if (!input.IsDraft)
        {
            ledger.AppendInPart(input.Spec.RunId, LedgerKinds.End, "end", outcome);
        }

        return outcome;
    }

    /// <summary>
    /// Returns the address of the tuned model if it is complete. A model in the emulated cloud is copied to the run's
    /// folder, since nobody can read a bucket that ends with its service.
    /// </summary>
    private async Task<string?> TunedAsync(ReportInput input)
    {
        var tuned = _artifacts.RootOf(input.Spec, input.Data).Child(ReportBuilder.TunedFolder);
        if (tuned.Scheme == ArtifactScheme.File)
        {
            return File.Exists(Path.Combine(tuned.Path, "config.json")) ? tuned.Path : null;
        }

        var tree = new ArtifactTree(_artifacts.StoreOf(input.Spec));
        try
        {
            if (await tree.FindAsync(tuned, CancellationToken.None) is null)
            {
                return null;
            }

            if (!input.Spec.IsRehearsal)
            {
                return tuned.ToText();
            }

            var folder = Path.Combine(ledger.DirectoryOf(input.Spec.RunId), ReportBuilder.TunedFolder);
            var aside = folder + ".new";
            await tree.ReadAsync(tuned, aside, CancellationToken.None);
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            Directory.Move(aside, folder);
            return folder;
        }
        catch (ArtifactException)
        {
            // The report is written however the run ended: a bucket that refuses access, or is out of reach after all
            // retries, must not prevent it.
            return tuned.ToText();
        }
    }
}
