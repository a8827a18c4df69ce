using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Converters;
using Microsoft.DurableTask.Entities;
using Microsoft.DurableTask.Worker.Replay;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.DurableTask.Protocol;
using TaskFailureDetails = Workflows.DurableTask.Protocol.TaskFailureDetails;

namespace Workflows.DurableTask.Tests.Entities;

/// <summary>What orchestrators write to entities and read from them, in both encodings: other engines read it,
/// too.</summary>
public sealed class EntityEncodingTests
{
    private static readonly EntityInstanceId One = new("Counter", "One");
    private static readonly EntityInstanceId Two = new("counter", "Two");
    private static readonly Timestamp Now = Timestamp.FromDateTime(new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc));

    [Fact]
    public void ClassicCall_IsAnEventWithTheCallerInIt()
    {
        SendEventAction sent = Run(EntityMode.Classic, context => context.Entities.CallEntityAsync(One, "Add", 5))
            .Actions.Single().SendEvent;

        JsonNode data = JsonNode.Parse(sent.Data)!;
        Assert.Equal(("@counter@One", "op"), (sent.Instance.InstanceId, sent.Name));
        Assert.Equal(["op", "id", "input", "parent", "parentExecution"], data.AsObject().Select(entry => entry.Key));
        Assert.Equal(("Add", "5"), ((string?)data["op"], (string?)data["input"]));
        Assert.Equal(("i", "e"), ((string?)data["parent"], (string?)data["parentExecution"]));
        Assert.True(Guid.TryParseExact((string?)data["id"], "D", out _));
    }

    [Fact]
    public void ClassicSignal_FarAhead_IsNamedByTheShortenedTimeAndCarriesTheWhole()
    {
        var due = new DateTimeOffset(2026, 2, 1, 0, 0, 0, TimeSpan.Zero);

        SendEventAction sent = Run(
            EntityMode.Classic, context => context.Entities.SignalEntityAsync(One, "Add", 5, due))
            .Actions[0].SendEvent;

        JsonNode data = JsonNode.Parse(sent.Data)!;
        Assert.Equal("op@2026-01-05T03:04:05.0000000Z", sent.Name);
        Assert.Equal("2026-02-01T00:00:00.0000000Z", (string?)data["due"]);
        Assert.True((bool?)data["signal"]);
        Assert.Null(data["parent"]);
    }

    [Fact]
    public void ClassicLock_NamesTheSortedSetAndReleasesEach()
    {
        OrchestratorResponse asked = Run(EntityMode.Classic, LockAsync);
        SendEventAction sent = asked.Actions.Single().SendEvent;
        JsonNode data = JsonNode.Parse(sent.Data)!;

        OrchestratorResponse granted = Run(
            EntityMode.Classic,
            LockAsync,
            Recorded(0, sent),
            Event(item => item.EventRaised = new() { Name = (string)data["id"]!, Input = """{"result":"ok"}""" }));

        Assert.Equal("@counter@One", sent.Instance.InstanceId);
        Assert.Equal(["One", "Two"], data["lockset"]!.AsArray().Select(one => (string?)one!["key"]));
        Assert.Null(data["op"]);
        Assert.Equal(
            [("@counter@One", "release"), ("@counter@Two", "release")],
            granted.Actions.Take(2).Select(one => (one.SendEvent.Instance.InstanceId, one.SendEvent.Name)));
        Assert.Equal((string?)data["id"], (string?)JsonNode.Parse(granted.Actions[0].SendEvent.Data)!["id"]);
        Assert.Equal([1, 2, 3], granted.Actions.Select(one => one.Id));
    }

    [Fact]
    public void ClassicFailure_IsReadWithItsCause()
    {
        string request = RequestOf(Run(EntityMode.Classic, Call).Actions.Single());
        const string Answer = """
            {"result":null,"exceptionType":"E","failureDetails":{"ErrorType":"E","ErrorMessage":"outer",
            "InnerFailure":{"ErrorType":"I","ErrorMessage":"inner"},"IsNonRetriable":true}}
            """;

        OrchestratorResponse failed = Run(
            EntityMode.Classic,
            Call,
            Recorded(0, Run(EntityMode.Classic, Call).Actions.Single().SendEvent),
            Event(item => item.EventRaised = new() { Name = request, Input = Answer }));

        TaskFailureDetails details = failed.Actions.Single().CompleteOrchestration.FailureDetails;
        Assert.Equal("Operation 'Add' of entity '@counter@One' failed: outer", details.ErrorMessage);
        Assert.Equal("inner", details.InnerFailure.InnerFailure.ErrorMessage);

        static Task Call(TaskOrchestrationContext context) => context.Entities.CallEntityAsync(One, "Add", 5);
    }

    [Fact]
    public void AzureManagedLock_IsAMessageAndEveryEndUnlocks()
    {
        EntityLockRequestedEvent asked = Run(EntityMode.AzureManaged, HoldAsync)
            .Actions.Single().SendEntityMessage.EntityLockRequested;

        OrchestratorResponse terminated = Run(
            EntityMode.AzureManaged,
            HoldAsync,
            Event(item => (item.EventId, item.EntityLockRequested) = (0, asked)),
            Event(item => item.EntityLockGranted = new() { CriticalSectionId = asked.CriticalSectionId }),
            Event(item => item.ExecutionTerminated = new()));
        OrchestratorResponse waiting = Run(
            EntityMode.AzureManaged,
            HoldAsync,
            Event(item => (item.EventId, item.EntityLockRequested) = (0, asked)),
            Event(item => item.ExecutionTerminated = new()));

        Assert.Equal(["@counter@One", "@counter@Two"], asked.LockSet);
        Assert.Equal((0, "i"), (asked.Position, asked.ParentInstanceId));
        foreach (OrchestratorResponse response in (OrchestratorResponse[])[terminated, waiting])
        {
            EntityUnlockSentEvent[] unlocks =
            [
                .. response.Actions.Where(one => one.SendEntityMessage is not null)
                    .Select(one => one.SendEntityMessage.EntityUnlockSent),
            ];
            Assert.Equal(["@counter@One", "@counter@Two"], unlocks.Select(one => one.TargetInstanceId));
            Assert.All(unlocks, one => Assert.Equal(asked.CriticalSectionId, one.CriticalSectionId));
            Assert.NotNull(response.Actions[^1].CompleteOrchestration);
        }
    }

    [Fact]
    public void Replay_OfTheOtherEncoding_GoesOn()
    {
        OrchestratorAction classic = Run(EntityMode.Classic, Call).Actions.Single();

        OrchestratorResponse done = Run(
            EntityMode.AzureManaged,
            Call,
            Recorded(0, classic.SendEvent),
            Event(item => item.EventRaised = new() { Name = RequestOf(classic), Input = """{"result":"7"}""" }));

        Assert.Equal("7", done.Actions.Single().CompleteOrchestration.Result);

        static Task<int> Call(TaskOrchestrationContext context) => context.Entities.CallEntityAsync<int>(One, "Add", 5);
    }

    [Fact]
    public void Replay_OfACallOfAnotherEntity_IsNonDeterministic()
    {
        OrchestratorAction first = Run(EntityMode.Classic, context => context.Entities.CallEntityAsync(One, "Add"))
            .Actions.Single();

        OrchestratorResponse changed = Run(
            EntityMode.Classic,
            context => context.Entities.CallEntityAsync(Two, "Add"),
            Recorded(0, first.SendEvent));

        TaskFailureDetails details = changed.Actions.Single().CompleteOrchestration.FailureDetails;
        Assert.Contains("a call of entity '@counter@One'", details.ErrorMessage, StringComparison.Ordinal);
        Assert.Contains("a call of entity '@counter@Two'", details.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void Entities_SwitchedOff_NameTheOption() => Assert.Contains(
        "EnableEntitySupport",
        Run(EntityMode.Off, context => context.Entities.CallEntityAsync(One, "Add"))
            .Actions.Single().CompleteOrchestration.FailureDetails.ErrorMessage,
        StringComparison.Ordinal);

    private static async Task LockAsync(TaskOrchestrationContext context) =>
        await context.Entities.LockEntitiesAsync(Two, One);

    private static async Task HoldAsync(TaskOrchestrationContext context)
    {
        await LockAsync(context);
        await context.WaitForExternalEvent<int>("never");
    }

    private static string RequestOf(OrchestratorAction action) => (string)JsonNode.Parse(action.SendEvent.Data)!["id"]!;

    private static HistoryEvent Recorded(int id, SendEventAction sent) => Event(item =>
    {
        item.EventId = id;
        item.EventSent = new() { InstanceId = sent.Instance.InstanceId, Name = sent.Name, Input = sent.Data };
    });

    private static HistoryEvent Event(Action<HistoryEvent> fill)
    {
        var item = new HistoryEvent { EventId = -1, Timestamp = Now };
        fill(item);
        return item;
    }

    private static OrchestratorResponse Run(
        EntityMode mode, Func<TaskOrchestrationContext, Task> orchestrator, params HistoryEvent[] later)
    {
        var registry = new DurableTaskRegistry();
        registry.AddOrchestratorFunc<object?, object?>("test", async (context, _) =>
        {
            Task run = orchestrator(context);
            await run;
            return run is Task<int> result ? result.Result : null;
        });
        var services = new WorkerServices(
            registry, JsonDataConverter.Default, NullLoggerFactory.Instance, TimeSpan.FromDays(3), null, null, mode);
        HistoryEvent[] start =
        [
            Event(item => item.OrchestratorStarted = new()),
            Event(item => item.ExecutionStarted = new()
            {
                Name = "test",
                OrchestrationInstance = new() { InstanceId = "i", ExecutionId = "e" },
            }),
        ];
        return OrchestrationRunner.Run("i", [], [.. start, .. later], services);
    }
}
