using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Core;

namespace Workflows.DurableTask.Tests.Core;

/// <summary>What orchestrators ask of entities, in both encodings.</summary>
public sealed class EntityEpisodeTests
{
    private const string Id = "7d3f8a52-0b1c-4a57-9b0e-5a8a4a4e1b11";
    private static readonly Timestamp Start = Timestamp.FromDateTime(
        new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));

    [Fact]
    public void Decide_EntityMessages_AreKeptExactlyAndBecomeCommands()
    {
        var signal = new EntityOperationSignaledEvent
        {
            RequestId = Id,
            Operation = "add",
            Input = "1",
            TargetInstanceId = "@Counter@A",
            ScheduledTime = new() { Seconds = 5, Nanos = 123_456_700 },
        };
        var call = new EntityOperationCalledEvent { RequestId = Id, Operation = "get", TargetInstanceId = "@c@a" };

        (InstanceState state, EpisodeOutcome outcome) = Run(
            new() { Id = 4, SendEntityMessage = new() { EntityOperationSignaled = signal } },
            new() { Id = 5, SendEntityMessage = new() { EntityOperationCalled = call } });

        HistoryEvent kept = state.History.Single(item => item.EntityOperationSignaled is not null);
        Assert.Equal(4, kept.EventId);
        Assert.Equal(signal, kept.EntityOperationSignaled);
        Assert.Equal(5, state.History.Single(item => item.EntityOperationCalled is not null).EventId);
        var sent = Assert.IsType<Command.SendToEntity>(outcome.Commands[0]);
        Assert.Null(sent.Message.Caller);
        Assert.Equal(signal.ScheduledTime, sent.Message.Due);
        var called = Assert.IsType<Command.SendToEntity>(outcome.Commands[1]);
        // Some workers leave the execution out.
        Assert.Equal("execution-1", called.Message.Caller.ExecutionId);
        Assert.False(called.Message.Classic);
    }

    [Fact]
    public void Decide_LockRequest_IsSortedOnceForTheCommandAndKeptForTheHistory()
    {
        var request = new EntityLockRequestedEvent { CriticalSectionId = Id, LockSet = { "@B@1", "@a@2", "@b@1" } };

        (InstanceState state, EpisodeOutcome outcome) = Run(
            new OrchestratorAction { SendEntityMessage = new() { EntityLockRequested = request } });

        var command = Assert.IsType<Command.LockEntities>(Assert.Single(outcome.Commands));
        Assert.Equal(["@a@2", "@b@1"], command.Request.LockSet);
        Assert.Equal(
            ["@B@1", "@a@2", "@b@1"],
            state.History.Single(item => item.EntityLockRequested is not null).EntityLockRequested.LockSet);
    }

    [Fact]
    public void Decide_LockRequestOfAnEndingExecution_IsNotQueued()
    {
        (_, EpisodeOutcome outcome) = Run(
            new OrchestratorAction
            {
                SendEntityMessage = new()
                {
                    EntityLockRequested = new() { CriticalSectionId = Id, LockSet = { "@a@b" } },
                },
            },
            new OrchestratorAction
            {
                CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.Completed },
            });

        Assert.Empty(outcome.Commands);
    }

    [Fact]
    public void Decide_ClassicCall_IsRead()
    {
        (InstanceState state, EpisodeOutcome outcome) = Run(Classic(
            "op", $$"""{"op":"get","id":"{{Id}}","input":"\"x\"","parent":"other","parentExecution":"e","more":[]}"""));

        var send = Assert.IsType<Command.SendToEntity>(Assert.Single(outcome.Commands));
        Assert.Equal("@counter@a", send.EntityId);
        Assert.Equal("get", send.Message.Operation);
        Assert.Equal("\"x\"", send.Message.Input);
        Assert.Equal("self", send.Message.Caller.InstanceId);
        Assert.True(send.Message.Classic);
        Assert.Contains(state.History, item => item.EventSent is not null);
    }

    [Fact]
    public void Decide_ClassicScheduledSignal_IsDueAtItsOwnTime()
    {
        (_, EpisodeOutcome outcome) = Run(Classic(
            "op@2026-01-01T00:00:01.0000000Z",
            $$"""{"op":"add","id":"{{Id}}","signal":true,"due":"2026-01-05T00:00:00.0000001Z"}"""));

        var send = Assert.IsType<Command.SendToEntity>(Assert.Single(outcome.Commands));
        Assert.Null(send.Message.Caller);
        Assert.Equal(new DateTime(2026, 1, 5, 0, 0, 0, DateTimeKind.Utc).AddTicks(1), send.Message.Due.ToDateTime());
    }

    [Fact]
    public void Decide_ClassicLockAndRelease_AreRead()
    {
        (_, EpisodeOutcome outcome) = Run(
            Classic("op", $$"""{"op":null,"id":"{{Id}}","lockset":[{"name":"b","key":"1"},{"name":"a","key":"2"}]}"""),
            Classic("release", $$"""{"parent":"self","id":"{{Id}}"}"""),
            Classic("anything", "{}"));

        Assert.Equal(2, outcome.Commands.Count);
        Assert.Equal(
            ["@a@2", "@b@1"], Assert.IsType<Command.LockEntities>(outcome.Commands[0]).Request.LockSet);
        Assert.Equal(new Command.UnlockEntity("@counter@a", Id), outcome.Commands[1]);
    }

    [Fact]
    public void Decide_ClassicNonsense_IsAnErrorNotALoss() =>
        Assert.Throws<FormatException>(() => Run(Classic("op", "no json")));

    [Fact]
    public void Answers_Classic_CarryResultOrFailure()
    {
        var call = new EntityMessage { RequestId = Id, Classic = true };

        HistoryEvent good = EntityAnswers.Completed(call, "5", Start);
        HistoryEvent bad = EntityAnswers.Failed(call, Messages.Failure("Type", "text"), Start);

        Assert.Equal(Id, good.EventRaised.Name);
        Assert.Equal("""{"result":"5"}""", good.EventRaised.Input);
        Assert.Contains("\"exceptionType\":\"Type\"", bad.EventRaised.Input, StringComparison.Ordinal);
        Assert.Contains("\"ErrorMessage\":\"text\"", bad.EventRaised.Input, StringComparison.Ordinal);
        Assert.Equal("""{"result":null}""", EntityAnswers.Completed(call, null, Start).EventRaised.Input);
    }

    [Fact]
    public void ForWorker_RequestIdThatIsNoGuid_GetsASubstitute()
    {
        HistoryEvent item = EntityAnswers.ForWorker(new EntityMessage { RequestId = "mine", Operation = "x" }, Start);

        Assert.True(Guid.TryParse(item.EntityOperationSignaled.RequestId, out _));
        Assert.Equal(-1, item.EventId);
        Assert.Null(item.EntityOperationSignaled.Input);
    }

    private static OrchestratorAction Classic(string name, string data) => new()
    {
        SendEvent = new() { Instance = new() { InstanceId = "@counter@a" }, Name = name, Data = data },
    };

    private static (InstanceState State, EpisodeOutcome Outcome) Run(params OrchestratorAction[] actions)
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
        EpisodeOutcome outcome = Episode.Decide(
            state, new EpisodeReport(1, Start, actions, null, null), "execution-2", Start);
        state.Apply(outcome.Record);
        return (state, outcome);
    }
}
