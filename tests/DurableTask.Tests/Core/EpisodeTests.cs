using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;
using EventCase = Microsoft.DurableTask.Protobuf.HistoryEvent.EventTypeOneofCase;

namespace Workflows.DurableTask.Tests.Core;

/// <summary>Records in, records and commands out; no engine, no clock.</summary>
public sealed class EpisodeTests
{
    private static readonly Timestamp Start = Timestamp.FromDateTime(
        new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
    private static readonly Timestamp Later = Start + Duration.FromTimeSpan(TimeSpan.FromSeconds(5));

    [Fact]
    public void Decide_Activity_IsRecordedAndOpenUntilItsResult()
    {
        InstanceState state = Created();

        EpisodeOutcome outcome = Run(state, Schedule(0));

        Assert.Empty(outcome.Commands);
        Assert.Equal(
            [
                EventCase.OrchestratorStarted, EventCase.ExecutionStarted,
                EventCase.TaskScheduled, EventCase.OrchestratorCompleted,
            ],
            state.History.Select(item => item.EventTypeCase));
        Assert.Equal([0], state.OpenActivities.Keys);
        Assert.Empty(state.Inbox);
        Assert.Equal(OrchestrationStatus.Running, state.Status);
        state.Apply(new LogRecord { Message = Completed(0) });
        Assert.Empty(state.OpenActivities);
        Assert.Single(state.Inbox);
    }

    [Fact]
    public void Decide_Completed_EndsEverythingAndTellsTheParent()
    {
        InstanceState state = Created(new ParentInstanceInfo
        {
            TaskScheduledId = 7,
            OrchestrationInstance = new() { InstanceId = "parent", ExecutionId = "p1" },
        });
        Run(state, Schedule(0), Timer(1));

        EpisodeOutcome outcome = Run(state, Finish(2, OrchestrationStatus.Completed, "42"));

        var tell = Assert.IsType<Command.TellParent>(Assert.Single(outcome.Commands));
        Assert.Equal(7, tell.Message.SubOrchestrationInstanceCompleted.TaskScheduledId);
        Assert.Equal("42", tell.Message.SubOrchestrationInstanceCompleted.Result);
        Assert.True(state.IsTerminal);
        Assert.Equal("42", state.Output);
        Assert.Empty(state.OpenActivities);
        Assert.Empty(state.OpenTimers);
    }

    [Fact]
    public void Decide_FailedWithLeftOverActions_StartsNoneOfThem()
    {
        InstanceState state = Created();

        EpisodeOutcome outcome = Run(
            state, Schedule(0), Timer(1), Child(2, "child"), Finish(3, OrchestrationStatus.Failed, "text"));

        Assert.Empty(outcome.Commands);
        Assert.DoesNotContain(state.History, item => item.TaskScheduled is not null || item.TimerCreated is not null);
        Assert.Equal(OrchestrationStatus.Failed, state.Status);
        Assert.Equal("text", state.Failure!.ErrorMessage);
    }

    [Fact]
    public void Decide_TwoEndings_FinalOneWins()
    {
        InstanceState state = Created();

        Run(
            state,
            Finish(0, OrchestrationStatus.ContinuedAsNew, "again"),
            Finish(1, OrchestrationStatus.Terminated, "stop"));

        Assert.Equal(OrchestrationStatus.Terminated, state.Status);
        Assert.Equal("stop", state.Output);
    }

    [Fact]
    public void Decide_ContinueAsNew_KeepsEventsInOrderAndDropsAnswers()
    {
        InstanceState state = Created();
        Run(state, Schedule(0));
        state.Apply(new LogRecord { Message = Messages.Raised("e", "2", Later) });
        var report = new EpisodeReport(
            1, Later, [SendEvent(1, "self", "1"), Continue(2, carryover: "2")], "\"status\"", null);
        state.Apply(new LogRecord { Message = Completed(0) });
        state.Apply(new LogRecord { Message = Messages.Raised("e", "3", Later) });
        state.Apply(new LogRecord { Message = Messages.Terminated("end", recurse: false, Later) });

        EpisodeOutcome outcome = Episode.Decide(state, report, "execution-2", Later);
        state.Apply(outcome.Record);

        Assert.Empty(outcome.Commands);
        Assert.Equal("execution-2", state.ExecutionId);
        Assert.Equal(Start, state.Created);
        Assert.Equal("\"status\"", state.CustomStatus);
        Assert.Equal(OrchestrationStatus.Running, state.Status);
        Assert.Empty(state.History);
        Assert.Empty(state.OpenActivities);
        Assert.Equal("again", state.Inbox[0].ExecutionStarted.Input);
        Assert.Equal(["1", "2", "3"], state.Inbox.Where(item => item.EventRaised is not null)
            .Select(item => item.EventRaised.Input));
        Assert.Equal(EventCase.ExecutionTerminated, state.Inbox[^1].EventTypeCase);
        Assert.Equal(5, state.Inbox.Count);
    }

    [Fact]
    public void Decide_Child_GetsParentTagsAndADerivedId()
    {
        InstanceState state = Created();

        EpisodeOutcome outcome = Run(state, Child(3));

        var start = Assert.IsType<Command.StartChild>(Assert.Single(outcome.Commands));
        Assert.Equal("self:execution-1:3", start.InstanceId);
        Assert.Equal("v", start.Started.Tags["k"]);
        Assert.Equal(3, start.Started.ParentInstance.TaskScheduledId);
        Assert.Equal("execution-1", start.Started.ParentInstance.OrchestrationInstance.ExecutionId);
        Assert.Equal("self:execution-1:3", state.OpenChildren[3]);
    }

    [Fact]
    public void Decide_RecursiveTermination_ReachesOpenChildrenOnly()
    {
        InstanceState state = Created();
        Run(state, Child(0, "done"), Child(1, "open"));
        state.Apply(new LogRecord
        {
            Message = new() { Timestamp = Later, SubOrchestrationInstanceCompleted = new() { TaskScheduledId = 0 } },
        });
        state.Apply(new LogRecord { Message = Messages.Terminated("why", recurse: true, Later) });

        EpisodeOutcome outcome = Run(state, Finish(2, OrchestrationStatus.Terminated, "why"));

        Assert.Equal([new Command.TerminateChild("open", "why")], outcome.Commands);
    }

    [Fact]
    public void TerminatePending_EndsAnInstanceThatNeverRan()
    {
        InstanceState state = Created();

        state.Apply(Episode.TerminatePending(state, "no", Later).Record);

        Assert.Equal(OrchestrationStatus.Terminated, state.Status);
        Assert.Equal("no", state.Output);
        Assert.Equal(Later, state.Completed);
    }

    [Fact]
    public void Apply_SuspendAndResume_ChangeTheStatusWithTheEpisode()
    {
        InstanceState state = Created();
        Run(state);
        state.Apply(new LogRecord { Message = new() { Timestamp = Later, ExecutionSuspended = new() } });
        Assert.Equal(OrchestrationStatus.Running, state.Status);
        Run(state);
        Assert.Equal(OrchestrationStatus.Suspended, state.Status);
        state.Apply(new LogRecord { Message = new() { Timestamp = Later, ExecutionResumed = new() } });
        Run(state);
        Assert.Equal(OrchestrationStatus.Running, state.Status);
    }

    [Fact]
    public void Apply_MessagesBeyondTheEpisode_StayInTheInbox()
    {
        InstanceState state = Created();
        state.Apply(new LogRecord { Message = Messages.Raised("e", "1", Later) });

        state.Apply(Episode.Decide(state, new EpisodeReport(1, Later, [], null, null), "x", Later).Record);

        Assert.Equal("1", Assert.Single(state.Inbox).EventRaised.Input);
    }

    private static InstanceState Created(ParentInstanceInfo? parent = null)
    {
        var state = new InstanceState("hub", "self");
        state.Apply(new LogRecord
        {
            Created = new()
            {
                ExecutionId = "execution-1",
                Created = Start,
                Started = Messages.Started(
                    new ExecutionStartedEvent { Name = "test", ParentInstance = parent, Tags = { ["k"] = "v" } },
                    Start),
            },
        });
        return state;
    }

    private static EpisodeOutcome Run(InstanceState state, params OrchestratorAction[] actions)
    {
        EpisodeOutcome outcome = Episode.Decide(
            state, new EpisodeReport(state.Inbox.Count, Later, actions, null, null), "execution-2", Later);
        state.Apply(outcome.Record);
        return outcome;
    }

    private static HistoryEvent Completed(int id) => new()
    {
        EventId = -1,
        Timestamp = Later,
        TaskCompleted = new() { TaskScheduledId = id },
    };

    private static OrchestratorAction Schedule(int id) => new() { Id = id, ScheduleTask = new() { Name = "work" } };

    private static OrchestratorAction Timer(int id) => new() { Id = id, CreateTimer = new() { FireAt = Later } };

    private static OrchestratorAction Child(int id, string? childId = null) => new()
    {
        Id = id,
        CreateSubOrchestration = new() { Name = "child", InstanceId = childId ?? string.Empty },
    };

    private static OrchestratorAction SendEvent(int id, string target, string data) => new()
    {
        Id = id,
        SendEvent = new() { Instance = new() { InstanceId = target }, Name = "e", Data = data },
    };

    private static OrchestratorAction Continue(int id, string carryover)
    {
        OrchestratorAction action = Finish(id, OrchestrationStatus.ContinuedAsNew, "again");
        action.CompleteOrchestration.CarryoverEvents.Add(Messages.Raised("e", carryover, Start));
        return action;
    }

    private static OrchestratorAction Finish(int id, OrchestrationStatus status, string? result = null) => new()
    {
        Id = id,
        CompleteOrchestration = new() { OrchestrationStatus = status, Result = result },
    };
}
