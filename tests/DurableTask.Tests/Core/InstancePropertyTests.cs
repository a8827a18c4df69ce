using CsCheck;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Tests.Core;

/// <summary>
/// Random messages and reports, thousands of them, against what must hold after each. The seed of a failure is in its
/// message; set CsCheck_Seed to repeat it.
/// </summary>
public sealed class InstancePropertyTests
{
    private const int Cases = 3000;

    private static readonly Timestamp Start = Timestamp.FromDateTime(
        new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));

    private enum Step
    {
        Raise,
        FinishTask,
        FireTimer,
        FinishChild,
        Suspend,
        Resume,
        Terminate,
        AnswerCall,
        Park,
        Unpark,
        Activity,
        Timer,
        Child,
        SendToSelf,
        CallEntity,
        LockEntity,
        Nothing,
        ContinueAsNew,
        Complete,
        Fail,
    }

    private static readonly Gen<(Step Step, int Pick)[]> Gen_Steps =
        Gen.Select(Gen.Enum<Step>(), Gen.Int[0, 20]).Array[1, 60];

    [Fact]
    public void Apply_AnySteps_FoldsToTheSameStateAgain() => Gen_Steps.Sample(
        steps =>
        {
            var world = new World();
            world.Run(steps);

            InstanceState again = Fold(world.Log);

            Assert.Equal(world.State.Snapshot(withData: true), again.Snapshot(withData: true));
            Assert.Equal(world.State.History, again.History);
            Assert.Equal(world.State.Inbox, again.Inbox);
            Assert.Equal(world.State.OpenActivities.Keys.Order(), again.OpenActivities.Keys.Order());
            Assert.Equal(world.State.OpenTimers.Keys.Order(), again.OpenTimers.Keys.Order());
            Assert.Equal(world.State.OpenChildren.Keys.Order(), again.OpenChildren.Keys.Order());
            Assert.Equal(world.State.HistoryBytes, again.HistoryBytes);
        },
        iter: Cases,
        threads: 1);

    [Fact]
    public void Apply_AnySteps_KeepsEveryEventOnceAndInOrder() => Gen_Steps.Sample(
        steps =>
        {
            var world = new World();
            world.Run(steps);

            // What orchestrators were given and did not hand on, and what waits, is what was raised, in its order.
            Assert.Equal(
                Enumerable.Range(0, world.Raised).Select(number => $"{number}").Take(world.Kept.Count), world.Kept);
            if (!world.State.IsTerminal)
            {
                Assert.Equal(world.Raised, world.Kept.Count);
            }
        },
        iter: Cases,
        threads: 1);

    [Fact]
    public void Apply_AnySteps_HistoryIsWellFormed() => Gen_Steps.Sample(
        steps =>
        {
            var world = new World();
            world.Run(steps);
            InstanceState state = world.State;

            Assert.All(state.History, item => Assert.NotNull(item.Timestamp));
            int[] ids = [.. state.History.Where(item => item.EventId >= 0).Select(item => item.EventId)];
            Assert.Equal(ids.Distinct(), ids);
            int[] answered = [.. state.History.Where(item => item.TaskCompleted is not null)
                .Select(item => item.TaskCompleted.TaskScheduledId)];
            Assert.Equal(answered.Distinct(), answered);
            Assert.Empty(answered.Except(ids));
            Assert.Equal(state.IsTerminal, state.History.Exists(item => item.ExecutionCompleted is not null));
            if (state.History.Count > 0)
            {
                Assert.NotNull(state.History[0].OrchestratorStarted);
                Assert.NotNull(state.History[1].ExecutionStarted);
                Assert.Single(state.History, item => item.ExecutionStarted is not null);
                Assert.NotNull(state.History[^1].OrchestratorCompleted);
            }

            if (state.IsTerminal)
            {
                Assert.Empty(state.Inbox);
                Assert.Empty(state.OpenActivities);
                Assert.Empty(state.OpenTimers);
            }
        },
        iter: Cases,
        threads: 1);

    [Fact]
    public void Apply_AnySteps_AnOperatorsLastWordHolds() => Gen_Steps.Sample(
        steps =>
        {
            var world = new World();
            world.Run(steps);

            if (!world.State.IsTerminal && world.State.Inbox.Count == 0)
            {
                Assert.Equal(world.IsSuspended, world.State.Status == OrchestrationStatus.Suspended);
            }
        },
        iter: Cases,
        threads: 1);

    [Fact]
    public void Decide_AnySteps_SendsEachEntityMessageOnce() => Gen_Steps.Sample(
        steps =>
        {
            var world = new World();
            world.Run(steps);

            Assert.Equal(world.Asked, world.Sent);
        },
        iter: Cases,
        threads: 1);

    private static InstanceState Fold(List<byte[]> log)
    {
        var state = new InstanceState("hub", "id");
        log.ForEach(record => state.Apply(LogRecord.Parser.ParseFrom(record)));
        return state;
    }

    /// <summary>One instance, its log as the store keeps it, and what its orchestrators hold.</summary>
    private sealed class World
    {
        private readonly List<string> _read = [];
        private int _nextId;
        private int _generation;
        private long _seconds;

        public World()
        {
            Append(new LogRecord
            {
                Created = new()
                {
                    ExecutionId = "g0",
                    Created = Start,
                    Started = Messages.Started(
                        new() { Name = "test", OrchestrationInstance = new() { InstanceId = "id" } }, Start),
                },
            });
        }

        public InstanceState State { get; } = new("hub", "id");

        public List<byte[]> Log { get; } = [];

        public int Raised { get; private set; }

        /// <summary>Whether the last of all suspensions and resumptions is a suspension.</summary>
        public bool IsSuspended { get; private set; }

        /// <summary>Request ids of entity messages that orchestrators asked for.</summary>
        public List<string> Asked { get; } = [];

        /// <summary>Those that became commands.</summary>
        public List<string> Sent { get; } = [];

        /// <summary>Events that an orchestrator read, was given, or will be.</summary>
        public List<string> Kept =>
        [
            .. _read,
            .. Events(State.History),
            .. Events(State.Inbox),
        ];

        public void Run((Step Step, int Pick)[] steps)
        {
            foreach ((Step step, int pick) in steps)
            {
                if (State.IsTerminal)
                {
                    return;
                }

                Do(step, pick);
            }
        }

        private void Do(Step step, int pick)
        {
            switch (step)
            {
                case Step.Raise:
                    Receive(Messages.Raised("e", $"{Raised++}", Now()));
                    break;
                case Step.FinishTask when Pick(State.OpenActivities.Keys, pick) is { } id:
                    Receive(Completed(id));
                    break;
                case Step.FireTimer when Pick(State.OpenTimers.Keys, pick) is { } id:
                    Receive(Messages.TimerFired(id, State.OpenTimers[id], Now()));
                    break;
                case Step.FinishChild when Pick(State.OpenChildren.Keys, pick) is { } id:
                    Receive(Messages.ChildFailed(id, Messages.Failure("e", "m"), Now()));
                    break;
                case Step.Suspend:
                    IsSuspended = true;
                    Receive(new() { EventId = -1, Timestamp = Now(), ExecutionSuspended = new() });
                    break;
                case Step.Resume:
                    IsSuspended = false;
                    Receive(new() { EventId = -1, Timestamp = Now(), ExecutionResumed = new() });
                    break;
                case Step.Terminate:
                    Receive(Messages.Terminated("t", pick % 2 == 0, Now()));
                    break;
                case Step.AnswerCall when Asked.Count > 0:
                    Receive(EntityAnswers.Completed(new() { RequestId = Asked[^1] }, "1", Now()));
                    break;
                case Step.Park:
                    Append(new LogRecord { Parked = new() { At = Now(), Reason = "r" } });
                    break;
                case Step.Unpark:
                    Append(new LogRecord { Unparked = Now() });
                    break;
                default:
                    if (State.Inbox.Count > 0 && step >= Step.Activity)
                    {
                        Episode(step, 1 + pick % State.Inbox.Count);
                    }

                    break;
            }
        }

        private void Episode(Step step, int consumed)
        {
            if (step == Step.SendToSelf)
            {
                // It arrives behind everything that is there already.
                Raised++;
            }

            OrchestratorAction action = Action(step, consumed);
            var report = new EpisodeReport(
                consumed, Now(), step == Step.Nothing ? [] : [action], null, null);
            EpisodeOutcome outcome = Sidecar.Core.Episode.Decide(State, report, $"g{++_generation}", Now());
            Append(outcome.Record);
            foreach (Command command in outcome.Commands)
            {
                if (command is Command.SendToEntity send)
                {
                    Sent.Add(send.Message.RequestId);
                }
                else if (command is Command.LockEntities locks)
                {
                    Sent.Add(locks.Request.RequestId);
                }
            }

            foreach (Command.Deliver deliver in outcome.Commands.OfType<Command.Deliver>())
            {
                Receive(deliver.Message);
            }
        }

        private OrchestratorAction Action(Step step, int consumed)
        {
            var action = new OrchestratorAction { Id = _nextId++ };
            switch (step)
            {
                case Step.Activity:
                    action.ScheduleTask = new() { Name = "a" };
                    break;
                case Step.Timer:
                    action.CreateTimer = new() { FireAt = Now() };
                    break;
                case Step.Child:
                    action.CreateSubOrchestration = new() { Name = "c" };
                    break;
                case Step.SendToSelf:
                    action.SendEvent = new()
                    {
                        Instance = new() { InstanceId = "id" },
                        Name = "e",
                        Data = $"{Raised - 1}",
                    };
                    break;
                case Step.CallEntity:
                    Asked.Add($"{Guid.NewGuid()}");
                    action.SendEntityMessage = new()
                    {
                        EntityOperationCalled = new() { RequestId = Asked[^1], TargetInstanceId = "@e@1" },
                    };
                    break;
                case Step.LockEntity:
                    Asked.Add($"{Guid.NewGuid()}");
                    action.SendEntityMessage = new()
                    {
                        EntityLockRequested = new() { CriticalSectionId = Asked[^1], LockSet = { "@e@1", "@e@2" } },
                    };
                    break;
                case Step.ContinueAsNew:
                    action.CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.ContinuedAsNew };
                    // The orchestrator has read what came in earlier episodes, and hands on what came in this one.
                    _read.AddRange(Events(State.History));
                    action.CompleteOrchestration.CarryoverEvents.AddRange(
                        State.Inbox.Take(consumed).Where(item => item.EventRaised is not null));
                    _nextId = 0;
                    break;
                case Step.Complete or Step.Fail:
                    action.CompleteOrchestration = new()
                    {
                        OrchestrationStatus = step == Step.Fail
                            ? OrchestrationStatus.Failed
                            : OrchestrationStatus.Completed,
                    };
                    break;
            }

            return action;
        }

        private void Receive(HistoryEvent message) => Append(new LogRecord { Message = message });

        private void Append(LogRecord record)
        {
            State.Apply(record);
            Log.Add(record.ToByteArray());
        }

        private Timestamp Now() => Start + Duration.FromTimeSpan(TimeSpan.FromSeconds(++_seconds));

        private HistoryEvent Completed(int id) => new()
        {
            EventId = -1,
            Timestamp = Now(),
            TaskCompleted = new() { TaskScheduledId = id, Result = "1" },
        };

        private static int? Pick(IEnumerable<int> ids, int pick)
        {
            int[] all = [.. ids.Order()];
            return all.Length == 0 ? null : all[pick % all.Length];
        }

        private static IEnumerable<string> Events(IEnumerable<HistoryEvent> items) =>
            items.Where(item => item.EventRaised is not null).Select(item => item.EventRaised.Input);
    }
}
