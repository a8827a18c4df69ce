using CsCheck;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Tests.Engine;

/// <summary>
/// Random interleavings of everything that can happen between clients, workers, clock and restarts, against a model of
/// three lines: what an orchestration gathers is one letter for each activity and child, and the events in the order in
/// which they were raised. The seed of a failure is in its message; set CsCheck_Seed to repeat it.
/// </summary>
public sealed class InterleavingTests
{
    private const string Hub = EngineHarness.Hub;
    private const int Cases = 100;

    private enum Move
    {
        Work,
        WorkTwice,
        Keep,
        CompleteKept,
        Abandon,
        Raise,
        Tick,
        Suspend,
        Resume,
        Reconnect,
        Restart,
    }

    private static readonly Gen<(string Steps, Move[] Moves)> Gen_Case = Gen.Select(
        Gen.Char["aaeetcn"].Array[1, 7].Select(letters => new string(letters)),
        Gen.Enum<Move>().Array[5, 60]);

    [Fact]
    public void Engine_AnyInterleaving_LosesNothingAndAppliesEverythingOnce() => Gen_Case.Sample(
        sample => RunAsync(sample.Steps, sample.Moves).GetAwaiter().GetResult(), iter: Cases, threads: 1);

    private static async Task RunAsync(string steps, Move[] moves)
    {
        await using var harness = new EngineHarness(options => options.MaxDispatches = 1000);
        await harness.Engine.StartAsync(Hub, new() { InstanceId = "i", Name = "steps", Input = $"{steps}|" });
        var run = new Run(harness, await harness.ConnectAsync());
        int needed = steps.Count(step => step == 'e');
        foreach (Move move in moves)
        {
            await run.DoAsync(move);
        }

        // Whatever happened: once the missing events come, time passes and a worker works, it ends.
        await harness.Engine.ResumeAsync(Hub, new() { InstanceId = "i" });
        while (run.Raised < needed)
        {
            await run.DoAsync(Move.Raise);
        }

        await run.FinishAsync();

        GetInstanceResponse end = await harness.Engine.GetAsync(
            Hub, new() { InstanceId = "i", GetInputsAndOutputs = true });
        Assert.Equal(OrchestrationStatus.Completed, end.OrchestrationState.OrchestrationStatus);
        Assert.Equal(Expected(steps), end.OrchestrationState.Output);
        CheckHistory(harness.Engine.Lists.StoredHistory(Hub, "i")!);
    }

    private static string Expected(string steps)
    {
        int events = 0;
        return string.Concat(steps.Select(step => step switch
        {
            'a' or 'c' => "x",
            'e' => $"[{events++}]",
            _ => string.Empty,
        }));
    }

    private static void CheckHistory(IReadOnlyList<HistoryEvent> history)
    {
        Assert.NotNull(history[0].OrchestratorStarted);
        Assert.Single(history, item => item.ExecutionStarted is not null);
        Assert.Single(history, item => item.ExecutionCompleted is not null);
        Assert.All(history, item => Assert.NotNull(item.Timestamp));
        int[] asked = [.. history.Where(item => item.EventId >= 0).Select(item => item.EventId)];
        Assert.Equal(asked.Distinct(), asked);
        Assert.All(
            history.Where(item => item.TaskCompleted is not null || item.TimerFired is not null
                || item.EventRaised is not null || item.SubOrchestrationInstanceCompleted is not null),
            item => Assert.Equal(-1, item.EventId));
    }

    /// <summary>A worker with good and bad habits.</summary>
    private sealed class Run(EngineHarness harness, WorkerSession session)
    {
        private readonly List<WorkItem> _kept = [];
        private readonly List<WorkItem> _done = [];
        private WorkerSession _session = session;

        public int Raised { get; private set; }

        public async Task DoAsync(Move move)
        {
            await harness.SettleAsync();
            switch (move)
            {
                case Move.Work when _session.TryTake(out WorkItem? item):
                    await CompleteAsync(item);
                    break;
                case Move.WorkTwice when _done.Count > 0:
                    await Assert.ThrowsAsync<RpcException>(() => CompleteAsync(_done[^1]));
                    break;
                case Move.Keep when _session.TryTake(out WorkItem? item):
                    _kept.Add(item);
                    break;
                case Move.CompleteKept when _kept.Count > 0:
                    await CompleteKeptAsync();
                    break;
                case Move.Abandon when _session.TryTake(out WorkItem? item):
                    await harness.Engine.Work.AbandonAsync(Hub, item.CompletionToken);
                    break;
                case Move.Raise:
                    await harness.Engine.RaiseAsync(
                        Hub, new() { InstanceId = "i", Name = "go", Input = $"[{Raised++}]" });
                    break;
                case Move.Tick:
                    harness.Time.Advance(TimeSpan.FromSeconds(2));
                    break;
                case Move.Suspend:
                    await harness.Engine.SuspendAsync(Hub, new() { InstanceId = "i" });
                    break;
                case Move.Resume:
                    await harness.Engine.ResumeAsync(Hub, new() { InstanceId = "i" });
                    break;
                case Move.Reconnect:
                    harness.Engine.Work.Disconnect(_session);
                    _session = await harness.ConnectAsync();
                    break;
                case Move.Restart:
                    await harness.RestartAsync();
                    _session = await harness.ConnectAsync();
                    break;
            }
        }

        public async Task FinishAsync()
        {
            foreach (WorkItem item in _kept.ToList())
            {
                await CompleteKeptAsync();
            }

            for (int round = 0; round < 200; round++)
            {
                await harness.SettleAsync();
                while (_session.TryTake(out WorkItem? item))
                {
                    await CompleteAsync(item);
                    await harness.SettleAsync();
                }

                if (await harness.Engine.Reports.ReportAsync(Hub, "i") is null)
                {
                    return;
                }

                harness.Time.Advance(TimeSpan.FromSeconds(31));
            }

            Assert.Fail($"It is stuck: {await harness.Engine.Reports.ReportAsync(Hub, "i")}");
        }

        // The engine may have given it to somebody else meanwhile: then it must refuse it, and nothing else.
        private async Task CompleteKeptAsync()
        {
            WorkItem item = _kept[0];
            _kept.RemoveAt(0);
            try
            {
                await CompleteAsync(item);
            }
            catch (RpcException refusal) when (refusal.StatusCode == StatusCode.NotFound)
            {
                // Its connection or its engine is gone.
            }
        }

        private async Task CompleteAsync(WorkItem item)
        {
            if (item.ActivityRequest is { } activity)
            {
                await harness.Engine.Work.CompleteActivityAsync(Hub, new()
                {
                    InstanceId = activity.OrchestrationInstance.InstanceId,
                    TaskId = activity.TaskId,
                    CompletionToken = item.CompletionToken,
                    Result = activity.Input,
                });
            }
            else
            {
                var response = new OrchestratorResponse
                {
                    InstanceId = item.OrchestratorRequest.InstanceId,
                    CompletionToken = item.CompletionToken,
                };
                response.Actions.AddRange(StepsWorker.Decide(item.OrchestratorRequest));
                await harness.Engine.Work.CompleteEpisodeAsync(Hub, response);
            }

            _done.Add(item);
        }
    }
}
