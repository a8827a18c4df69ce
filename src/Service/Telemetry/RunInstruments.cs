using System.Diagnostics;
using System.Diagnostics.Metrics;
using Workflows.Activities.Reporting;
using Workflows.Activities.Spending;
using Workflows.Activities.Training;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.Service.Workers;

namespace Workflows.Service.Telemetry;

/// <summary>
/// The metrics of runs. They are counted from the facts of the ledger, where an activity that runs twice leaves one
/// fact and counts once, and tokens from what workers report beyond the run's last report. Names and units are a
/// contract: dashboards depend on them (<c>docs/observability.md</c>). No attribute has more values than the catalog
/// and the page of errors have.
/// </summary>
internal sealed class RunInstruments : IDisposable
{
    public const string MeterName = "Workflows";
    private const string Mode = "workflows.mode";

    private readonly RunLedger _ledger;
    private readonly Counter<long> _ended;
    private readonly Counter<long> _attempts;
    private readonly Histogram<double> _wait;
    private readonly Counter<long> _losses;
    private readonly Counter<long> _lostSteps;
    private readonly Histogram<double> _recovery;
    private readonly Counter<long> _jobsEnded;
    private readonly Counter<long> _tokens;

    public RunInstruments(RunLedger ledger, JobBook jobs, SpendBook spending)
    {
        _ledger = ledger;
        _ended = Meter.CreateCounter<long>("workflows.runs.ended", "{run}", "Runs that ended, by status.");
        _attempts = Meter.CreateCounter<long>(
            "workflows.tpu.attempts", "{attempt}", "Attempts to get a TPU, by place, outcome and code of the refusal.");
        _wait = Meter.CreateHistogram<double>(
            "workflows.tpu.wait", "s", "Time from the request for a TPU until it is ready.", advice: Minutes);
        _losses = Meter.CreateCounter<long>("workflows.tpu.losses", "{loss}", "TPUs that runs lost, by cause.");
        _lostSteps = Meter.CreateCounter<long>(
            "workflows.training.steps.lost", "{step}", "Steps after the newest checkpoint of lost TPUs.");
        _recovery = Meter.CreateHistogram<double>(
            "workflows.tpu.recovery", "s", "Time from the detection of a loss until the job goes on.", advice: Minutes);
        _jobsEnded = Meter.CreateCounter<long>("workflows.jobs.ended", "{job}", "Jobs of workers that ended.");
        _tokens = Meter.CreateCounter<long>(
            "workflows.training.tokens", "{token}", "Tokens that workers reported as trained on.");
        Meter.CreateObservableGauge(
            "workflows.workers.connected", () => jobs.ConnectedCount, "{worker}", "Workers with an open stream.");
        Meter.CreateObservableGauge(
            "workflows.spending.day", () => Spent(sums => sums.Day), "USD", "Cost of all runs that pay today (UTC).");
        Meter.CreateObservableGauge(
            "workflows.spending.month", () => Spent(sums => sums.Month), "USD",
            "Cost of all runs that pay in this month (UTC).");

        // Not while the sums are made anew, which takes longer than a scrape.
        IEnumerable<Measurement<double>> Spent(Func<(double Day, double Month), double> of) =>
            spending.IsMade ? [new Measurement<double>(of(spending.Spent()))] : [];
    }

    // Exporters' own buckets are for milliseconds.
    private static InstrumentAdvice<double> Minutes { get; } = new()
    {
        HistogramBucketBoundaries = [1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 10_800, 43_200, 86_400],
    };

    /// <summary>Gets the meter, which tells this service's measurements from another's in the same process.</summary>
    public Meter Meter { get; } = new(MeterName);

    public void Dispose() => Meter.Dispose();

    /// <summary>Counts the tokens that a training reports beyond its last report.</summary>
    public void Trained(long tokens) => _tokens.Add(tokens);

    /// <summary>Counts a new fact.</summary>
    public void Count(WrittenFact written)
    {
        var runId = written.RunId;
        switch (written.Data)
        {
            case AttemptEnd attempt:
                var place = attempt.Lease.Candidate;
                TagList where = new()
                {
                    { Mode, ModeOf(runId, attempt.Lease) },
                    { "cloud.availability_zone", place.Zone },
                    { "workflows.accelerator.type", place.AcceleratorType },
                    { "workflows.provisioning", WireName.Of(place.Provisioning) },
                };
                if (attempt.Outcome == AttemptOutcome.Ready)
                {
                    _wait.Record(attempt.Seconds, where);
                }

                where.Add("workflows.outcome", WireName.Of(attempt.Outcome));
                if (attempt.Refusal is { } refusal)
                {
                    where.Add("error.type", refusal.Code);
                }

                _attempts.Add(1, where);
                break;
            case OpenRecovery loss:
                _losses.Add(1, new(Mode, ModeOf(runId)), new("cloud.availability_zone", loss.Zone),
                    new("error.type", loss.Cause));
                _lostSteps.Add(loss.LostSteps, new KeyValuePair<string, object?>(Mode, ModeOf(runId)));
                break;
            case RecoveryEnd recovery:
                _recovery.Record(recovery.Seconds, new KeyValuePair<string, object?>(Mode, ModeOf(runId)));
                break;
            case EndFact job:
                TagList how = new() { { Mode, ModeOf(runId) }, { "workflows.succeeded", job.End.Succeeded } };
                if (job.End.Code is { } code)
                {
                    how.Add("error.type", code);
                }

                _jobsEnded.Add(1, how);
                break;
            case RunOutcome outcome:
                TagList end = new()
                {
                    { Mode, ModeOf(runId) }, { "workflows.status", WireName.Of(outcome.Status) },
                };
                if (outcome.Failure is { } failure)
                {
                    end.Add("error.type", failure.Code);
                }

                _ended.Add(1, end);
                break;
        }
    }

    // A run that asked for no node neither pays nor rehearses.
    private string ModeOf(RunId runId) =>
        _ledger.Read<TpuLease>(runId, LedgerKinds.Intent) is [var first, ..] ? ModeOf(runId, first.Data) : "none";

    private string ModeOf(RunId runId, TpuLease lease) =>
        lease.NodeName.ToString().Split('/')[1] == VariantLedgers.RehearsalProject(_ledger, runId)
            ? "rehearsal" : "paid";
}
