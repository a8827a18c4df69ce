using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>
/// One random interleaving of clients, operators, workers with good and bad habits, clock and restarts, and what must
/// hold all the way and at its end. Everything follows from the seed.
/// </summary>
internal sealed class RandomRun(int seed) : IAsyncDisposable
{
    private const string Hub = EngineHarness.Hub;
    private const int Instances = 3;
    private const int Moves = 120;

    private readonly Random _random = new(seed);
    private readonly EngineHarness _harness = new(options => options.MaxDispatches = 10_000);
    private readonly ScriptedInstance[] _instances =
        [.. Enumerable.Range(0, Instances).Select(number => new ScriptedInstance($"i{number}"))];
    private readonly WorkerSession[] _sessions = new WorkerSession[2];
    private readonly List<WorkItem> _kept = [];
    private readonly List<WorkItem> _done = [];
    private readonly RandomWorker _worker = new();
    private readonly Queue<string> _trace = new();
    private int _raised;

    /// <summary>The last moves, for a failure's message.</summary>
    public string Trace => string.Join(", ", _trace);

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    public async Task RunAsync()
    {
        await ConnectAsync();
        foreach (ScriptedInstance instance in _instances)
        {
            await StartAsync(instance);
        }

        for (int move = 0; move < Moves; move++)
        {
            await _harness.SettleAsync();
            await MoveAsync();
        }

        await FinishAsync();
        foreach (ScriptedInstance instance in _instances)
        {
            await CheckEndAsync(instance);
        }

        await CheckEntitiesAsync();
    }

    private async Task MoveAsync()
    {
        ScriptedInstance instance = _instances[_random.Next(Instances)];
        int pick = _random.Next(100);
        string name = pick switch
        {
            < 45 => "work",
            < 50 => "keep",
            < 55 => "late",
            < 58 => "twice",
            < 61 => "abandon",
            < 63 => "drop",
            < 65 => "restart",
            < 70 => "tick",
            < 72 => "lease",
            < 80 => "raise",
            < 83 => "suspend",
            < 86 => "resume",
            < 88 => "terminate",
            < 89 => "skip",
            < 91 => "purge",
            < 93 => "again",
            < 95 => "rewind",
            < 97 => "start",
            < 98 => "replace",
            < 99 => "clean",
            _ => "look",
        };
        Note($"{name} {instance.Id}");
        await (name switch
        {
            "work" => WorkAsync(),
            "keep" => KeepAsync(),
            "late" => LateAsync(),
            "twice" => TwiceAsync(),
            "abandon" => AbandonAsync(),
            "drop" => DropAsync(),
            "restart" => RestartEngineAsync(),
            "tick" => TickAsync(TimeSpan.FromSeconds(2)),
            "lease" => TickAsync(TimeSpan.FromMinutes(6)),
            "raise" => RaiseAsync(instance),
            "suspend" => _harness.Engine.SuspendAsync(Hub, new() { InstanceId = instance.Id }),
            "resume" => _harness.Engine.ResumeAsync(Hub, new() { InstanceId = instance.Id }),
            "terminate" => TerminateAsync(instance),
            "skip" => SkipAsync(instance),
            "purge" => PurgeAsync(instance),
            "again" => AgainAsync(instance),
            "rewind" => RewindAsync(instance),
            "start" => StartAsync(instance),
            "replace" => ReplaceAsync(instance),
            "clean" => CleanAsync(),
            _ => LookAsync(),
        });
    }

    private void Note(string move)
    {
        _trace.Enqueue(move);
        if (_trace.Count > 40)
        {
            _trace.Dequeue();
        }
    }

    private async Task ConnectAsync()
    {
        for (int index = 0; index < _sessions.Length; index++)
        {
            await ConnectAsync(index);
        }
    }

    private async Task ConnectAsync(int index)
    {
        // One gets histories as objects, the other encoded; episodes of one instance go to both in turn.
        _sessions[index] = await _harness.ConnectAsync(isEncoded: index == 1);
    }

    private WorkItem? Take()
    {
        int first = _random.Next(2);
        return Take(first) ?? Take(1 - first);
    }

    private WorkItem? Take(int index) => _sessions[index].TryTake(out WorkItem? item) ? item : null;

    private async Task WorkAsync()
    {
        if (Take() is { } item)
        {
            await CompleteAsync(item);
        }
    }

    private Task KeepAsync()
    {
        if (Take() is { } item)
        {
            _kept.Add(item);
        }

        return Task.CompletedTask;
    }

    private async Task LateAsync()
    {
        if (_kept.Count > 0)
        {
            int index = _random.Next(_kept.Count);
            WorkItem item = _kept[index];
            _kept.RemoveAt(index);
            await CompleteAsync(item);
        }
    }

    private async Task TwiceAsync()
    {
        if (_done.Count > 0)
        {
            WorkItem item = _done[_random.Next(_done.Count)];
            RpcException refusal = await Assert.ThrowsAsync<RpcException>(() => _worker.CompleteAsync(_harness, item));
            Assert.Equal(StatusCode.NotFound, refusal.StatusCode);
        }
    }

    private async Task AbandonAsync()
    {
        if (Take() is { } item)
        {
            _ = item.EntityRequestV2 is null
                ? await _harness.Engine.Work.AbandonAsync(Hub, item.CompletionToken)
                : await _harness.Engine.Entities.AbandonAsync(Hub, item.CompletionToken);
            // The worker that gave it up reports it after all.
            _kept.Add(item);
        }
    }

    private async Task DropAsync()
    {
        int index = _random.Next(2);
        _harness.Engine.Work.Disconnect(_sessions[index]);
        while (_sessions[index].TryTake(out WorkItem? item))
        {
            _kept.Add(item);
        }

        await ConnectAsync(index);
    }

    private async Task RestartEngineAsync()
    {
        foreach (WorkerSession session in _sessions)
        {
            while (session.TryTake(out WorkItem? item))
            {
                _kept.Add(item);
            }
        }

        await _harness.RestartAsync();
        await ConnectAsync();
    }

    private Task TickAsync(TimeSpan time)
    {
        _harness.Time.Advance(time);
        return Task.CompletedTask;
    }

    private async Task RaiseAsync(ScriptedInstance instance)
    {
        string payload = $"[{_raised++}]";
        if (await IsUnfinishedAsync(instance.Id))
        {
            instance.Events.Add(payload);
        }

        await _harness.Engine.RaiseAsync(Hub, new() { InstanceId = instance.Id, Name = "go", Input = payload });
    }

    private async Task TerminateAsync(ScriptedInstance instance)
    {
        instance.IsTerminated |= await IsUnfinishedAsync(instance.Id);
        await _harness.Engine.TerminateAsync(
            Hub, new() { InstanceId = instance.Id, Output = "stop", Recursive = _random.Next(2) == 0 });
    }

    private async Task SkipAsync(ScriptedInstance instance)
    {
        bool isUnfinished = await IsUnfinishedAsync(instance.Id);
        IReadOnlyList<string> others = await _harness.Engine.TerminateAtOnceAsync(Hub, [instance.Id], "stop");

        Assert.Equal(isUnfinished, others.Count == 0);
        instance.IsTerminated |= isUnfinished;
    }

    private async Task PurgeAsync(ScriptedInstance instance)
    {
        var request = new PurgeInstancesRequest { InstanceId = instance.Id, Recursive = _random.Next(2) == 0 };
        if (await IsUnfinishedAsync(instance.Id))
        {
            RpcException refusal = await Assert.ThrowsAsync<RpcException>(
                () => _harness.Engine.Lists.PurgeAsync(Hub, request));
            Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
            return;
        }

        await CheckEndAsync(instance);
        PurgeInstancesResponse response = await _harness.Engine.Lists.PurgeAsync(Hub, request);

        Assert.InRange(response.DeletedInstanceCount, 1, int.MaxValue);
        Assert.False((await _harness.Engine.GetAsync(Hub, new() { InstanceId = instance.Id })).Exists);
        await StartAsync(instance);
    }

    private async Task AgainAsync(ScriptedInstance instance)
    {
        if (await IsUnfinishedAsync(instance.Id))
        {
            RpcException refusal = await Assert.ThrowsAsync<RpcException>(
                () => _harness.Engine.RestartAsync(Hub, new() { InstanceId = instance.Id }));
            Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
            return;
        }

        await CheckEndAsync(instance);
        instance.Begin((await _harness.StateAsync(instance.Id)).Input);
        await _harness.Engine.RestartAsync(Hub, new() { InstanceId = instance.Id });
    }

    private async Task RewindAsync(ScriptedInstance instance)
    {
        if ((await _harness.StateAsync(instance.Id)).OrchestrationStatus != OrchestrationStatus.Failed
            || await IsUnfinishedAsync(instance.Id))
        {
            return;
        }

        try
        {
            await _harness.Engine.RewindAsync(Hub, new() { InstanceId = instance.Id });
            instance.IsRewound = true;
        }
        catch (RpcException refusal) when (refusal.StatusCode == StatusCode.FailedPrecondition)
        {
            Assert.Contains('X', instance.Input);
        }
    }

    private async Task StartAsync(ScriptedInstance instance)
    {
        string input = $"{RandomWorker.Script(_random)}|";
        var request = new CreateInstanceRequest { InstanceId = instance.Id, Name = ScriptWorker.Name, Input = input };
        if (await IsUnfinishedAsync(instance.Id))
        {
            RpcException refusal = await Assert.ThrowsAsync<RpcException>(
                () => _harness.Engine.StartAsync(Hub, request));
            Assert.Equal(StatusCode.AlreadyExists, refusal.StatusCode);
            return;
        }

        instance.Begin(input);
        await _harness.Engine.StartAsync(Hub, request);
    }

    private async Task ReplaceAsync(ScriptedInstance instance)
    {
        string input = $"{RandomWorker.Script(_random)}|";
        var request = new CreateInstanceRequest
        {
            InstanceId = instance.Id,
            Name = ScriptWorker.Name,
            Input = input,
            OrchestrationIdReusePolicy = new(),
        };
        request.OrchestrationIdReusePolicy.ReplaceableStatus.AddRange(Enum.GetValues<OrchestrationStatus>());
        instance.Begin(input);
        await _harness.Engine.StartAsync(Hub, request);
    }

    // Locks go with their holders, so there is never anything to clean.
    private async Task CleanAsync() => Assert.Equal(0, (await _harness.Engine.Entities.CleanAsync(
        Hub, new() { ReleaseOrphanedLocks = true, RemoveEmptyEntities = true })).OrphanedLocksReleased);

    private async Task LookAsync()
    {
        IReadOnlyList<InstanceReport> reports =
            await _harness.Engine.Reports.ReportsAsync(null, TimeSpan.Zero, null, 100);
        Assert.All(reports, report => Assert.NotEmpty(report.WaitsFor));
        await _harness.Engine.Reports.QueuesAsync();
        await _harness.Engine.Entities.QueryAsync(Hub, new() { IncludeTransient = true });
    }

    private async Task CompleteAsync(WorkItem item)
    {
        try
        {
            _worker.Habit = _random.Next(100);
            await _worker.CompleteAsync(_harness, item);
            _done.Add(item);
        }
        catch (RpcException refusal) when (refusal.StatusCode == StatusCode.NotFound)
        {
            // The engine has given it to somebody else, or its instance has moved on: nothing of it may count.
        }
    }

    private async Task<bool> IsUnfinishedAsync(string id) =>
        await _harness.Engine.Reports.ReportAsync(Hub, id) is not null;

    private async Task FinishAsync()
    {
        _worker.HasGoodHabitsOnly = true;
        while (_kept.Count > 0)
        {
            await LateAsync();
        }

        for (int round = 0; round < 300; round++)
        {
            await _harness.SettleAsync();
            while (Take() is { } item)
            {
                await CompleteAsync(item);
                await _harness.SettleAsync();
            }

            if (await IsQuietAsync())
            {
                return;
            }

            foreach (ScriptedInstance instance in _instances)
            {
                await RewindAsync(instance);
                InstanceReport? report = await _harness.Engine.Reports.ReportAsync(Hub, instance.Id);
                if (report?.WaitsFor.Any(wait => wait.Kind == "resume") == true)
                {
                    await _harness.Engine.ResumeAsync(Hub, new() { InstanceId = instance.Id });
                }
                else if (report?.WaitsFor is [{ Kind: "event" }])
                {
                    await RaiseAsync(instance);
                }
            }

            _harness.Time.Advance(TimeSpan.FromSeconds(31));
        }

        IReadOnlyList<InstanceReport> stuck =
            await _harness.Engine.Reports.ReportsAsync(null, TimeSpan.Zero, null, 100);
        Assert.Fail("Stuck: " + string.Join("; ", stuck.Select(report =>
            $"{report.Id} {report.Status} waits for {string.Join(", ", report.WaitsFor)}")));
    }

    private async Task<bool> IsQuietAsync()
    {
        if ((await _harness.Engine.Reports.ReportsAsync(null, TimeSpan.Zero, null, 1)).Count > 0)
        {
            return false;
        }

        foreach (ScriptedInstance instance in _instances)
        {
            if ((await _harness.StateAsync(instance.Id)).OrchestrationStatus == OrchestrationStatus.Failed
                && !instance.Input.Contains('X'))
            {
                return false;
            }
        }

        int open = (await _harness.Engine.Entities.QueryAsync(Hub, new() { IncludeTransient = true })).Entities
            .Sum(entity => entity.BacklogQueueSize);
        // Scheduled signals are in no queue yet; all are due within seconds.
        return open == 0 && _worker.Settled(_harness.Time.GetUtcNow());
    }

    private async Task CheckEndAsync(ScriptedInstance instance)
    {
        OrchestrationState state = await _harness.StateAsync(instance.Id);
        instance.Check(state);
        HistoryCheck.Check(_harness.Engine.Lists.StoredHistory(Hub, instance.Id)!);
    }

    private async Task CheckEntitiesAsync()
    {
        QueryEntitiesResponse entities = await _harness.Engine.Entities.QueryAsync(
            Hub, new() { IncludeTransient = true, IncludeState = true });
        Assert.All(entities.Entities, entity => Assert.Null(entity.LockedBy));
        for (int number = 0; number < RandomWorker.Entities; number++)
        {
            string? value = entities.Entities.FirstOrDefault(entity => entity.InstanceId == ScriptWorker.Entity(number))
                ?.SerializedState;
            Assert.Equal($"{_worker.Expected[number]}", value ?? "0");
        }

        await CleanAsync();
    }
}
