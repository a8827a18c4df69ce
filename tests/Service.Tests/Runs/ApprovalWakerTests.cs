using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Events;
using Workflows.Activities.Reporting;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;
using Workflows.Service.Database;
using Workflows.Service.Runs;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>Answers that a service recorded before it stopped, and that no run has heard.</summary>
public sealed class ApprovalWakerTests : IDisposable
{
    private static readonly ApprovalDecision Approved = new(ApprovalOutcome.Approved, "kim", null);

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 30, 3, 0, 0, TimeSpan.Zero));
    private readonly TemporaryFolder _folder = new();
    private readonly FakeEngine _engine = new();
    private readonly RunLedger _ledger;

    public ApprovalWakerTests() => _ledger = new RunLedger(_folder.Path, _clock);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Wake_TellsTheRunsThatAskAndHaveAnAnswerInThisPart()
    {
        Put("answered", RunStageName.Approve, isAnswered: true);
        Put("asking", RunStageName.Approve, isAnswered: false);
        Put("training", RunStageName.Train, isAnswered: true);
        Put("again", RunStageName.Approve, isAnswered: true);
        _ledger.Append(
            new RunId("again"), LedgerKinds.Resumed, "2", new ResumedFact(2, RunStatus.Failed, null, null, 0, 0, []));
        Enter("again", RunStageName.Approve);
        _engine.Put("other", "Orchestration of others", _clock.GetUtcNow(), OrchestrationStatus.Running);
        await using var client = _engine.Client();
        using var waker = new ApprovalWaker(client, _ledger, _clock, NullLogger<ApprovalWaker>.Instance);

        Assert.Equal([new RunId("answered")], await waker.WakeAsync(Cancellation));
        Assert.Equal(["answered"], _engine.Raised);
    }

    [Fact]
    public async Task Start_WithAnEngineThatDoesNotAnswerYet_LooksAgain()
    {
        Put("answered", RunStageName.Approve, isAnswered: true);
        _engine.Fault = new RpcException(new Status(StatusCode.Unavailable, "It starts."));
        await using var client = _engine.Client();
        using var waker = new ApprovalWaker(client, _ledger, _clock, NullLogger<ApprovalWaker>.Instance);
        await waker.StartAsync(Cancellation);

        var limit = TimeProvider.System.GetUtcNow().AddSeconds(30);
        while (_engine.Raised.Count == 0)
        {
            Assert.True(TimeProvider.System.GetUtcNow() < limit, "The run was not told.");
            _clock.Advance(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }

        await waker.StopAsync(Cancellation);
    }

    /// <summary>No time passes for the waker: its next look of its own would be in an hour.</summary>
    [Fact]
    public async Task End_OfAnotherService_IsFollowedByALook()
    {
        var clock = new FakeTimeProvider();
        var state = new FolderState(_folder["shared"]);
        using var killed = new OtherServices(state, clock, NullLogger<OtherServices>.Instance);
        using var others = new OtherServices(state, clock, NullLogger<OtherServices>.Instance);
        await using var client = _engine.Client();
        using var waker = new ApprovalWaker(client, _ledger, _clock, NullLogger<ApprovalWaker>.Instance, others);
        Put("first", RunStageName.Approve, isAnswered: true);
        await waker.StartAsync(Cancellation);
        await Eventually.TrueAsync(() => _engine.Raised.Count == 1);
        killed.Beat();
        others.Beat();
        Put("answered", RunStageName.Approve, isAnswered: true);

        clock.Advance(OtherServices.Silence);
        others.Beat();

        await Eventually.TrueAsync(() => _engine.Raised.Contains("answered"));
        await waker.StopAsync(Cancellation);
    }

    private void Put(string id, RunStageName stage, bool isAnswered)
    {
        _engine.PutRun(id, _clock.GetUtcNow(), OrchestrationStatus.Running);
        if (isAnswered)
        {
            RunEventFacts.Decide(_ledger, new RunId(id), Approved);
        }

        Enter(id, stage);
    }

    private void Enter(string id, RunStageName stage) => _ledger.AppendInPart(
        new RunId(id), LedgerKinds.Stage, WireName.Of(stage), new StageInput(new RunId(id), stage, "now"));
}
