using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.DurableTask.Sidecar;

namespace Workflows.DurableTask.Tests.EndToEnd;

/// <summary>Names are a contract: dashboards and traces depend on them.</summary>
public sealed class TelemetryTests : EndToEndTest
{
    [Fact]
    public async Task Spans_OfOneRun_JoinInOneTreeUnderTheCaller()
    {
        var spans = new ConcurrentBag<Activity>();
        using var caller = new ActivitySource("caller");
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Microsoft.DurableTask" or "caller",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        DurableTaskClient client = await Sidecar.WithWorkerAsync(AddTasks);

        ActivityTraceId trace;
        using (Activity root = caller.StartActivity("root")!)
        {
            trace = root.TraceId;
            await RunAsync(client, "parent", 1);
        }

        // The span of an activity ends when the engine has taken its result, and the orchestration may be first.
        while (!spans.Any(span => span.DisplayName == "activity:one" && span.Kind == ActivityKind.Server))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), Soon);
        }

        List<Activity> tree = [.. spans.Where(span => span.TraceId == trace)];
        Activity create = Assert.Single(tree, span => span.DisplayName == "create_orchestration:parent");
        Activity parent = One("orchestration:parent", ActivityKind.Server, create);
        Activity call = One("activity:one", ActivityKind.Client, parent);
        One("activity:one", ActivityKind.Server, call);
        One("orchestration:parent:timer", ActivityKind.Internal, parent);
        Activity childCall = One("orchestration:child", ActivityKind.Client, parent);
        Activity child = One("orchestration:child", ActivityKind.Server, childCall);
        Activity failing = One("activity:fails", ActivityKind.Client, child);
        Assert.Equal(ActivityStatusCode.Error, failing.Status);
        Assert.Equal("Completed", parent.GetTagItem("durabletask.task.status"));
        Assert.True(parent.Duration >= TimeSpan.FromMilliseconds(50), "It lasts over all its episodes.");

        Activity One(string name, ActivityKind kind, Activity above) => Assert.Single(
            tree, span => span.DisplayName == name && span.Kind == kind && span.ParentSpanId == above.SpanId);
    }

    [Fact]
    public async Task Instruments_OfOneRun_HaveTheirNamesAndUnits()
    {
        var seen = new ConcurrentDictionary<string, (string? Unit, double Last)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == TaskHubInstruments.MeterName)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => Note(instrument, value));
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => Note(instrument, value));
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => Note(instrument, value));
        listener.Start();
        DurableTaskClient client = await Sidecar.WithWorkerAsync(AddTasks);

        await RunAsync(client, "parent", 1);
        listener.RecordObservableInstruments();

        Assert.Equal(
            [
                ("taskhub.commit.duration", "s"),
                ("taskhub.commit.operations", "{operation}"),
                ("taskhub.instances.ended", "{instance}"),
                ("taskhub.instances.parked", "{instance}"),
                ("taskhub.instances.unfinished", "{instance}"),
                ("taskhub.timers.lateness", "s"),
                ("taskhub.work_items.in_flight", "{item}"),
                ("taskhub.work_items.queued", "{item}"),
                ("taskhub.workers", "{connection}"),
            ],
            seen.Select(pair => (pair.Key, pair.Value.Unit)).Order());

        void Note(Instrument instrument, double value) => seen[instrument.Name] = (instrument.Unit, value);
    }

    private static void AddTasks(DurableTaskRegistry tasks)
    {
        tasks.AddOrchestratorFunc<int, int>("parent", async (context, value) =>
        {
            value = await context.CallActivityAsync<int>("one", value);
            await context.CreateTimer(TimeSpan.FromMilliseconds(50), CancellationToken.None);
            return value + await context.CallSubOrchestratorAsync<int>("child", value);
        });
        tasks.AddOrchestratorFunc<int, int>("child", async (context, value) =>
        {
            try
            {
                return await context.CallActivityAsync<int>("fails", value);
            }
            catch (TaskFailedException)
            {
                return 0;
            }
        });
        tasks.AddActivityFunc<int, int>("one", (_, value) => value + 1);
        tasks.AddActivityFunc<int, int>("fails", (_, value) =>
            value > 0 ? throw new InvalidOperationException("no") : value);
    }
}
