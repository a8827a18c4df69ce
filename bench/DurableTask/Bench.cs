using System.Diagnostics;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Worker;
using Microsoft.DurableTask.Worker.Grpc;

namespace Workflows.DurableTask.Bench;

/// <summary>One engine with a worker and a client, and everything that is measured of it.</summary>
internal sealed class Bench : IAsyncDisposable
{
    private readonly string _name;
    private readonly Sizes _sizes;
    private readonly Engine _engine;
    private IHost _host;

    private Bench(string name, Sizes sizes, Engine engine, IHost host)
    {
        _name = name;
        _sizes = sizes;
        _engine = engine;
        _host = host;
    }

    private DurableTaskClient Client => _host.Services.GetRequiredService<DurableTaskClient>();

    public static async Task<Bench> StartAsync(string name, string folder, Sizes sizes)
    {
        Engine engine = await Engine.StartAsync(name, folder);
        return new Bench(name, sizes, engine, await StartWorkerAsync(engine, sizes));
    }

    public async Task RunAsync(string? only)
    {
        (string Name, Func<Task> Measure)[] all =
        [
            ("throughput", () => ThroughputAsync(_sizes.Count, _sizes.InFlight)),
            ("latency", () => ThroughputAsync(_sizes.Count / 2, 1)),
            ("fanout", FanOutAsync),
            ("history", HistoryAsync),
            ("timers", TimersAsync),
            ("idle", IdleAsync),
            ("parked", ParkedAsync),
        ];
        foreach ((string name, Func<Task> measure) in all)
        {
            if (only is null || only == name)
            {
                await measure();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        await _engine.DisposeAsync();
    }

    private static async Task<IHost> StartWorkerAsync(Engine engine, Sizes sizes)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddLogging(logging => logging.AddConsole().SetMinimumLevel(LogLevel.Warning));
        builder.Services.AddDurableTaskWorker(worker =>
        {
            worker.UseGrpc(engine.Address);
            worker.AddTasks(tasks => Tasks.Add(tasks, sizes.Activities));
        });
        builder.Services.AddDurableTaskClient(client => client.UseGrpc(engine.Address));
        builder.Services.PostConfigureAll<GrpcDurableTaskWorkerOptions>(
            options => options.CallInvoker = engine.Invoker);
        builder.Services.PostConfigureAll<GrpcDurableTaskClientOptions>(
            options => options.CallInvoker = engine.Invoker);
        IHost host = builder.Build();
        await host.StartAsync();
        return host;
    }

    /// <summary>Rounds as the comparison with the peer asks for them.</summary>
    public Task RunOnDemandAsync() => Load.RunOnDemandAsync(Client, _engine.ProcessorTime);

    private async Task ThroughputAsync(int count, int inFlight)
    {
        var rounds = new List<Round>();
        for (int round = 0; round < _sizes.Rounds; round++)
        {
            rounds.Add(await Load.RunAsync(Client, count, inFlight, _engine.ProcessorTime));
            Say($"round {round + 1}: {rounds[^1]}");
        }

        // The first rounds compile; the second half of them counts.
        List<Round> counted = rounds[(rounds.Count / 2)..];
        double rate = Median([.. counted.Select(round => round.PerSecond)]);
        double cost = Median([.. counted.Select(round => round.ProcessorSeconds)]);
        Say($"{inFlight} in flight, median of the last rounds: {rate:F0} orchestrations/s, {cost:F2} CPU-s per 1000; "
            + $"{cost * rate / 1000:F2} cores busy");
        if (Disk.RowsPerSecond.TryGetValue(150, out double rows))
        {
            Say($"that is {rate * Tasks.RowsOf(_sizes.Activities) / rows:P0} of raw SQLite's rows at 150 a commit");
        }
    }

    private async Task FanOutAsync()
    {
        for (int round = 0; round < 3; round++)
        {
            var watch = Stopwatch.StartNew();
            await RunAsync(Tasks.FanOut, 1000);
            Say($"fan-out of 1000: {watch.Elapsed.TotalMilliseconds:F0} ms, "
                + $"{1000 / watch.Elapsed.TotalSeconds:F0} activities/s");
        }
    }

    private async Task HistoryAsync()
    {
        const int Steps = 20;
        OrchestrationMetadata result = await RunAsync(Tasks.LongHistory, (Wide: 4980, Steps));
        double[] steps = result.ReadOutputAs<double[]>()!;
        Array.Sort(steps);
        Say($"history of 10,000 events: a step takes p50 {steps[Steps / 2]:F0} ms, longest {steps[^1]:F0} ms");
    }

    private async Task TimersAsync()
    {
        double[] late = await Task.WhenAll(Enumerable.Range(0, 200).Select(async item =>
        {
            OrchestrationMetadata result = await RunAsync(Tasks.Timer, 200 + item * 5);
            return result.ReadOutputAs<double>();
        }));
        Array.Sort(late);
        Say($"200 timers: late by p50 {late[100]:F1} ms, p99 {late[198]:F1} ms, at most {late[^1]:F1} ms; "
            + $"early: {late.Count(value => value < 0)}");
    }

    private async Task IdleAsync()
    {
        await Task.Delay(TimeSpan.FromSeconds(2));
        TimeSpan before = _engine.ProcessorTime();
        await Task.Delay(TimeSpan.FromSeconds(5));
        double spent = (_engine.ProcessorTime() - before).TotalMilliseconds;
        Say($"idle with a connected worker: {spent / 50:F2} % of a core over 5 s (engine, worker and client)");
    }

    private async Task ParkedAsync()
    {
        if (!_engine.CanRestart)
        {
            return;
        }

        int next = -1;
        var watch = Stopwatch.StartNew();
        long before = _engine.ResidentBytes();
        await Task.WhenAll(Enumerable.Range(0, 200).Select(async _ =>
        {
            int item;
            while ((item = Interlocked.Increment(ref next)) < _sizes.Parked)
            {
                await Client.ScheduleNewOrchestrationInstanceAsync(
                    Tasks.Wait, item, new StartOrchestrationOptions($"parked-{item}"));
            }
        }));
        await Client.WaitForInstanceStartAsync($"parked-{_sizes.Parked - 1}", CancellationToken.None);
        double started = watch.Elapsed.TotalSeconds;
        await _host.StopAsync();
        _host.Dispose();
        await _engine.StopAsync();
        long clean = _engine.ResidentBytes();
        watch.Restart();
        await _engine.StartAsync();
        _host = await StartWorkerAsync(_engine, _sizes);
        await Client.GetInstanceAsync("parked-1", CancellationToken.None);
        double start = watch.Elapsed.TotalSeconds;
        long after = _engine.ResidentBytes();
        watch.Restart();
        OrchestrationMetadata? one = await Client.GetInstanceAsync("parked-7", CancellationToken.None);
        double get = watch.Elapsed.TotalMilliseconds;
        watch.Restart();
        int listed = (await Client.GetAllInstancesAsync(new OrchestrationQuery { PageSize = 100 })
            .AsPages().FirstAsync()).Values.Count;
        double page = watch.Elapsed.TotalMilliseconds;
        watch.Restart();
        await Client.RaiseEventAsync("parked-7", "go", 1);
        Load.Completed(await Client.WaitForInstanceCompletionAsync("parked-7", CancellationToken.None));
        double wake = watch.Elapsed.TotalMilliseconds;
        long perInstance = (after - (_engine.Invoker is null ? 0 : clean)) / _sizes.Parked;
        Say($"{_sizes.Parked} parked: {_sizes.Parked / started:F0} starts/s; "
            + $"restart until the first answer {start:F2} s; {after / 1e6:F0} MB resident (before: {before / 1e6:F0}), "
            + $"{perInstance} bytes an instance; status {get:F1} ms, page of {listed} {page:F1} ms, "
            + $"wake one {wake:F1} ms ({one?.RuntimeStatus})");
    }

    private async Task<OrchestrationMetadata> RunAsync(TaskName name, object input)
    {
        string id = await Client.ScheduleNewOrchestrationInstanceAsync(name, input);
        return Load.Completed(await Client.WaitForInstanceCompletionAsync(id, true, CancellationToken.None));
    }

    private void Say(string text) => Console.WriteLine($"{_name,-10} {text}");

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }
}
