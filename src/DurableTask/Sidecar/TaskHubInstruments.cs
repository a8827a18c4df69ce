using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Workflows.DurableTask.Sidecar;

/// <summary>The metrics of an engine. Names and units are a contract: dashboards depend on them.</summary>
internal sealed class TaskHubInstruments : IDisposable
{
    public const string MeterName = "Workflows.DurableTask.Sidecar";
    public const string CommitDuration = "taskhub.commit.duration";
    public const string CommitSize = "taskhub.commit.operations";
    public const string Ended = "taskhub.instances.ended";
    public const string Unfinished = "taskhub.instances.unfinished";
    public const string Parked = "taskhub.instances.parked";
    public const string Queued = "taskhub.work_items.queued";
    public const string InFlight = "taskhub.work_items.in_flight";
    public const string TimerLateness = "taskhub.timers.lateness";
    public const string Workers = "taskhub.workers";

    // Exporters' own buckets are for milliseconds: in seconds, nearly all would be in the first.
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30],
    };

    private readonly Meter _meter = new(MeterName);
    private readonly Histogram<double> _commitDuration;
    private readonly Histogram<long> _commitSize;
    private readonly Histogram<double> _timerLateness;
    private readonly Counter<long> _ended;
    private EngineGauges _gauges = new(0, 0, 0, 0, 0);

    public TaskHubInstruments()
    {
        _commitDuration = _meter.CreateHistogram(
            CommitDuration, "s", "Time of one transaction.", advice: Seconds);
        _commitSize = _meter.CreateHistogram<long>(CommitSize, "{operation}", "Changes that shared a transaction.");
        _timerLateness = _meter.CreateHistogram(
            TimerLateness, "s", "How long after its time a timer fired.", advice: Seconds);
        _ended = _meter.CreateCounter<long>(Ended, "{instance}", "Orchestrations that ended, by status.");
        _meter.CreateObservableGauge(Unfinished, () => _gauges.Unfinished, "{instance}", "Unfinished orchestrations.");
        _meter.CreateObservableGauge(Parked, () => _gauges.Parked, "{instance}", "Orchestrations that are parked.");
        _meter.CreateObservableGauge(Queued, () => _gauges.Queued, "{item}", "Work items that wait for a worker.");
        _meter.CreateObservableGauge(InFlight, () => _gauges.InFlight, "{item}", "Work items that workers have.");
        _meter.CreateObservableGauge(Workers, () => _gauges.Workers, "{connection}", "Connected workers.");
    }

    public void Committed(long startedAt, int operations)
    {
        _commitDuration.Record(Stopwatch.GetElapsedTime(startedAt).TotalSeconds);
        _commitSize.Record(operations);
    }

    public void TimerFired(TimeSpan late) => _timerLateness.Record(late.TotalSeconds);

    public void InstanceEnded(string status) =>
        _ended.Add(1, new KeyValuePair<string, object?>("taskhub.status", status));

    /// <summary>Publishes the numbers that the engine's thread counts.</summary>
    public void Publish(EngineGauges gauges) => _gauges = gauges;

    public void Dispose() => _meter.Dispose();
}

/// <summary>Numbers of the engine, taken at the same moment.</summary>
internal sealed record EngineGauges(int Unfinished, int Parked, int Queued, int InFlight, int Workers);
