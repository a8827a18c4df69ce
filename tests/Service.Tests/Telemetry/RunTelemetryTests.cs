using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Service.Telemetry;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Telemetry;

/// <summary>The metrics and the trace of a run.</summary>
public sealed class RunTelemetryTests
{
    private const string Caller = "Workflows.Service.Tests";
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_IsCountedAndTraced_FromTheRequestToTheWorkersJob()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source =>
                source.Name is "Workflows" or "Microsoft.DurableTask" or "Microsoft.AspNetCore" or Caller,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var source = new ActivitySource(Caller);
        await using var service = new RunningService();
        await service.InitializeAsync();
        using var counted = new Measurements(service.Services.GetRequiredService<RunInstruments>().Meter);
        string id;
        ActivityTraceId trace;
        using (var caller = source.StartActivity("start"))
        {
            trace = caller!.TraceId;
            id = await service.StartAsync(service.Request());
        }

        var report = await service.ReportAsync(id);
        var metrics = await service.Http.GetStringAsync("/metrics", Cancellation);

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.Equal(1, counted.Sum("workflows.runs.ended", "succeeded", "rehearsal"));
        Assert.Equal(1, counted.Sum("workflows.tpu.attempts", "ready", "v5litepod-8", "rehearsal"));
        Assert.Equal(2, counted.Sum("workflows.jobs.ended", "True"));
        Assert.Equal(
            report.GetProperty("training").GetProperty("tokens").GetInt64(), counted.Sum("workflows.training.tokens"));
        Assert.True(counted.Sum("workflows.tpu.wait", "v5litepod-8") > 0);
        Assert.All(
            (string[])["workflows_runs_ended_total{", "workflows_tpu_wait_seconds_bucket{", "workflows_spending_month_",
                "workflows_workers_connected{", "taskhub_commit_duration_seconds_bucket{"],
            name => Assert.Contains($"\n{name}", metrics, StringComparison.Ordinal));

        var all = spans.Where(span => span.TraceId == trace).ToArray();
        var job = Assert.Single(all, span => span.OperationName == "tpu.job"
            && (string?)span.GetTagItem("workflows.job.kind") == "train");
        Assert.Equal(id, job.GetTagItem("workflows.run"));
        Assert.True(job.Duration > TimeSpan.Zero);
        Assert.Single(all, span => span.OperationName == "tpu.attempt");

        // From the job's span over its activity and the orchestrations up to the request.
        var above = new List<string>();
        for (var span = job; span is not null; span = all.FirstOrDefault(each => each.SpanId == span.ParentSpanId))
        {
            above.Add(span.DisplayName);
        }

        Assert.Contains(above, name => name.Contains("DispatchJob", StringComparison.Ordinal));
        Assert.Contains(above, name => name.Contains("FineTune", StringComparison.Ordinal));
        Assert.Contains(above, name => name.Contains("HttpRequestIn", StringComparison.Ordinal));
    }

    /// <summary>Runs go on as soon as the engine's worker starts, and their facts count from the first.</summary>
    [Fact]
    public async Task Observer_StartsBeforeTheEnginesWorkers()
    {
        await using var service = new RunningService();
        await service.InitializeAsync();

        var hosted = service.Services.GetServices<IHostedService>().ToList();

        // The official worker is not public.
        var worker = hosted.FindIndex(each => each.GetType().Namespace!.StartsWith(
            "Microsoft.DurableTask.Worker", StringComparison.Ordinal));
        Assert.NotEqual(-1, worker);
        Assert.InRange(hosted.FindIndex(each => each is RunObserver), 0, worker);
    }

    [Fact]
    public async Task FaultOfAnObserver_LeavesTheFactWritten()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Workflows",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        await using var service = new RunningService();
        await service.InitializeAsync();
        var ledger = service.Services.GetRequiredService<RunLedger>();
        var run = new RunId("run-without-job");

        // Its job was never dispatched, so its span finds no beginning.
        var end = new EndFact(new JobEnd(true, null, null), null);
        var isNew = ledger.Append(run, LedgerKinds.JobEnded, "train@n", end);

        Assert.True(isNew);
        Assert.Single(ledger.Read(run));
        Assert.Contains("missing in metrics, traces or the log", await LogOf(service), StringComparison.Ordinal);
    }

    private static async Task<string> LogOf(RunningService service)
    {
        await using var file = new FileStream(
            Path.Combine(service.Settings.StateDirectory, "service.log"), FileMode.Open, FileAccess.Read,
            FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return await reader.ReadToEndAsync(Cancellation);
    }

    /// <summary>The measurements of one service, although others count in the same process.</summary>
    private sealed class Measurements : IDisposable
    {
        private readonly ConcurrentQueue<(string Name, double Value, string[] Values)> _all = new();
        private readonly MeterListener _listener = new();

        public Measurements(Meter meter)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (ReferenceEquals(instrument.Meter, meter))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.Start();
        }

        /// <summary>Adds up the measurements of an instrument that have all of some attributes.</summary>
        public double Sum(string name, params string[] attributes) => _all
            .Where(each => each.Name == name && attributes.All(each.Values.Contains)).Sum(each => each.Value);

        public void Dispose() => _listener.Dispose();

        private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            _all.Enqueue((instrument.Name, value, Array.ConvertAll(tags.ToArray(), tag => $"{tag.Value}")));
    }
}
