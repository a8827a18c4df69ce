using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Tests.Core;

public sealed class RewindTests
{
    private static readonly Timestamp Start = Timestamp.FromDateTime(
        new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));

    [Fact]
    public void Plan_FailedInstance_KeepsWhatSucceededAndOpensTheRest()
    {
        InstanceState state = Failed();

        CreatedRecord record = Rewind.Plan(
            state,
            new Dictionary<int, ChildFate> { [3] = ChildFate.Awaited, [4] = ChildFate.StartedAgain },
            "why",
            "execution-2",
            Start);
        state.Apply(new LogRecord { Created = record });

        Assert.Equal(OrchestrationStatus.Running, state.Status);
        Assert.Equal("execution-2", state.ExecutionId);
        Assert.Null(state.Output);
        Assert.Null(state.Failure);
        Assert.True(state.IsRewound);
        // Task 0 has its result, 1 failed and is gone, 2 was never reported; child 3 is awaited and 4 is gone.
        Assert.Equal([0, 2], state.History.Where(item => item.TaskScheduled is not null).Select(item => item.EventId));
        Assert.Equal([2], state.OpenActivities.Keys);
        Assert.Equal([3], state.OpenChildren.Keys);
        Assert.DoesNotContain(
            state.History, item => item.TaskFailed is not null || item.ExecutionCompleted is not null);
        HistoryEvent start = state.History.Single(item => item.ExecutionStarted is not null);
        Assert.Equal("execution-2", start.ExecutionStarted.OrchestrationInstance.ExecutionId);
        Assert.Equal("why", Assert.Single(state.Inbox).ExecutionRewound.Reason);
    }

    [Fact]
    public void UnfinishedChildren_AreThoseWithoutASuccess() =>
        Assert.Equal([3, 4], Rewind.UnfinishedChildren(Failed().History).Keys.Order());

    [Fact]
    public void HasOpenLock_IsTrueUntilEveryEntityIsReleased()
    {
        List<HistoryEvent> history =
        [
            new() { EntityLockRequested = new() { CriticalSectionId = "s", LockSet = { "@a@1", "@a@2" } } },
            new() { EntityUnlockSent = new() { CriticalSectionId = "s", TargetInstanceId = "@a@1" } },
        ];
        Assert.True(Rewind.HasOpenLock(history));

        history.Add(new() { EntityUnlockSent = new() { CriticalSectionId = "S", TargetInstanceId = "@a@2" } });

        Assert.False(Rewind.HasOpenLock(history));
    }

    private static InstanceState Failed()
    {
        var state = new InstanceState("hub", "self");
        state.Apply(new LogRecord
        {
            Created = new()
            {
                ExecutionId = "execution-1",
                Created = Start,
                Started = Messages.Started(new ExecutionStartedEvent { Name = "test" }, Start),
            },
        });
        var first = new EpisodeRecord { Consumed = 1, StartedAt = Start, EndedAt = Start };
        first.Events.Add(Enumerable.Range(0, 3).Select(id => new HistoryEvent
        {
            EventId = id,
            Timestamp = Start,
            TaskScheduled = new() { Name = "work" },
        }));
        first.Events.Add(Enumerable.Range(3, 2).Select(id => new HistoryEvent
        {
            EventId = id,
            Timestamp = Start,
            SubOrchestrationInstanceCreated = new() { Name = "child", InstanceId = $"child-{id}" },
        }));
        state.Apply(new LogRecord { Episode = first });
        state.Apply(new LogRecord
        {
            Message = new() { EventId = -1, Timestamp = Start, TaskCompleted = new() { TaskScheduledId = 0 } },
        });
        state.Apply(new LogRecord
        {
            Message = Messages.ActivityFailed(1, Messages.Failure("Type", "text"), Start),
        });
        state.Apply(new LogRecord
        {
            Message = Messages.ChildFailed(4, Messages.Failure("Type", "text"), Start),
        });
        var last = new EpisodeRecord { Consumed = 3, StartedAt = Start, EndedAt = Start };
        last.Events.Add(new HistoryEvent
        {
            EventId = 5,
            Timestamp = Start,
            ExecutionCompleted = new()
            {
                OrchestrationStatus = OrchestrationStatus.Failed,
                FailureDetails = Messages.Failure("Type", "text"),
            },
        });
        state.Apply(new LogRecord { Episode = last });
        return state;
    }
}
