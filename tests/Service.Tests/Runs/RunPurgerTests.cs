using System.Text.Json;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Reporting;
using Workflows.Activities.Spending;
using Workflows.Activities.Sweeping;
using Workflows.Activities.Variants;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Logs;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Runs;

/// <summary>Purges that are interrupted, and purges in an engine that other applications share.</summary>
public sealed class RunPurgerTests : IClassFixture<RunningService>
{
    private readonly RunningService _service;
    private readonly FakeEngine _engine = new();

    public RunPurgerTests(RunningService service)
    {
        _service = service;

        // Sums that are made once the runs below have ledgers take them for runs that may still cost.
        _ = service.Services.GetRequiredService<SpendBook>().Spent();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Purge_WhoseClientGoesAwayAfterTheFirstInstance_IsDoneToItsEnd()
    {
        var id = new RunId("cut");
        using var client = new CancellationTokenSource();
        _engine.PutRun("cut", DateTimeOffset.UnixEpoch, OrchestrationStatus.Failed);
        _engine.Put("cut:train", nameof(TpuWorkOrchestration), DateTimeOffset.UnixEpoch);
        _engine.Purged = client.Cancel;
        var ledger = _service.Services.GetRequiredService<RunLedger>();
        var keys = _service.Services.GetRequiredService<IdempotencyKeys>();
        var node = NodeName.Of("purged-project", "us-west4-a", "wf-cut-1");
        ledger.Append(id, LedgerKinds.Intent, $"{node}", new TpuLease(
            node, new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v2", 8, 1e6), 1));
        ledger.Append(id, LedgerKinds.Ready, $"{node}", new NodeMoment(node, "READY"));
        ledger.Append(id, LedgerKinds.Released, $"{node}", new NodeMoment(node, "NOT_FOUND"));
        ledger.Append(id, LedgerKinds.End, "end", new { });
        keys.Claim("cut-key", id);

        var (view, refusal) = await PurgeAsync("cut", client.Token);

        Assert.Null(refusal);
        Assert.Equal(2, view!.InstancesDeleted);
        Assert.Empty(_engine.Instances);
        Assert.False(ledger.Knows(id));
        Assert.Null(keys.Find("cut-key"));

        // Facts that others need after the ledger.
        Assert.Contains("purged-project", _service.Services.GetRequiredService<SweepRecord>().Projects());
        using var cost = JsonDocument.Parse(Assert.Single(await File.ReadAllLinesAsync(
            Path.Combine(_service.Settings.StateDirectory, "purged-costs.jsonl"), Cancellation)));
        Assert.Equal("cut", cost.RootElement.GetProperty("data").GetProperty("runId").GetString());
    }

    /// <summary>A line that is written between the log's deletion and the ledger's must not keep the folder.</summary>
    [Fact]
    public async Task Purge_WhileTheRunIsLoggedAbout_LeavesNoLogThatGoesOn()
    {
        var id = new RunId("logged");
        var ledger = _service.Services.GetRequiredService<RunLedger>();
        var logs = new LateLogs(new RunLogs(ledger));
        _engine.PutRun("logged", DateTimeOffset.UnixEpoch, OrchestrationStatus.Failed);
        ledger.Append(id, LedgerKinds.End, "end", new { });
        await using DurableTaskClient client = _engine.Client();

        var (view, _) = await ActivatorUtilities.CreateInstance<RunPurger>(_service.Services, client, logs)
            .PurgeAsync(id, false, Cancellation);
        logs.Append(id, LateLogs.Line);

        Assert.NotNull(view);
        Assert.False(Directory.Exists(ledger.PathOf(id)));
    }

    [Fact]
    public async Task Purge_InASharedEngine_LeavesTheInstancesOfOtherApplications()
    {
        _engine.Put("nightly-etl", "NightlyEtl", DateTimeOffset.UnixEpoch);
        _engine.Put("nightly-etl:load", "Load", DateTimeOffset.UnixEpoch);
        _engine.Put("alone:load", "Load", DateTimeOffset.UnixEpoch);
        _engine.PutRun("own", DateTimeOffset.UnixEpoch, OrchestrationStatus.Failed);
        _engine.Put("own:teardown", nameof(TeardownOrchestration), DateTimeOffset.UnixEpoch);
        _engine.Put("own:load", "Load", DateTimeOffset.UnixEpoch, OrchestrationStatus.Running);

        Assert.Equal(404, (await PurgeAsync("nightly-etl", Cancellation)).Refusal?.Status);
        Assert.Equal(404, (await PurgeAsync("alone", Cancellation)).Refusal?.Status);
        Assert.Equal(2, (await PurgeAsync("own", Cancellation)).View?.InstancesDeleted);

        Assert.Equal(["alone:load", "nightly-etl", "nightly-etl:load", "own:load"], _engine.Instances.Keys);
    }

    /// <summary>A group that broke may have left variants that still rent and work.</summary>
    [Theory]
    [InlineData("broken-b", nameof(FineTuneOrchestration))]
    [InlineData("broken-b:train", nameof(TpuWorkOrchestration))]
    public async Task Purge_OfAGroupWithALiveVariant_NamesItAndDeletesNothing(string live, string orchestrator)
    {
        var ledger = _service.Services.GetRequiredService<RunLedger>();
        _engine.PutRun("broken", DateTimeOffset.UnixEpoch, OrchestrationStatus.Failed);
        _engine.Instances["broken"].Name = nameof(VariantsOrchestration);
        _engine.PutRun("broken-a", DateTimeOffset.UnixEpoch, OrchestrationStatus.Completed);
        _engine.PutRun("broken-b", DateTimeOffset.UnixEpoch, OrchestrationStatus.Terminated);
        _engine.Put(live, orchestrator, DateTimeOffset.UnixEpoch, OrchestrationStatus.Running);
        ledger.Append(new RunId("broken"), LedgerKinds.Members, "members", new MembersFact(
            [new RunId("broken-a"), new RunId("broken-b")]));
        foreach (var id in new[] { "broken-a", "broken-b" })
        {
            ledger.Append(new RunId(id), LedgerKinds.VariantOf, "group", new VariantGroup(new RunId("broken"), id));
        }

        var instances = _engine.Instances.Keys.ToList();
        var (_, refusal) = await PurgeAsync("broken", Cancellation);

        Assert.Equal((409, "RUN_UNDER_WAY"), (refusal?.Status, refusal?.Code));
        Assert.Contains("may have a node: broken-b.", refusal!.Detail, StringComparison.Ordinal);
        Assert.Equal(instances, _engine.Instances.Keys);
        Assert.True(ledger.Knows(new RunId("broken-a")));
    }

    /// <summary>Two parts of one variant must not work at once, whatever the end of the group was.</summary>
    [Fact]
    public async Task Resume_OfAFailedGroupWithALiveVariant_CancelsItAndStartsNothing()
    {
        _engine.PutRun("left", DateTimeOffset.UnixEpoch, OrchestrationStatus.Failed);
        _engine.Instances["left"].Name = nameof(VariantsOrchestration);
        _engine.PutRun("left-a", DateTimeOffset.UnixEpoch, OrchestrationStatus.Running);
        _service.Services.GetRequiredService<RunLedger>().Append(
            new RunId("left"), LedgerKinds.Members, "members", new MembersFact([new RunId("left-a")]));
        await using DurableTaskClient client = _engine.Client();

        var answer = await ActivatorUtilities.CreateInstance<RunResumer>(_service.Services, client)
            .ResumeAsync(new RunId("left"), "{}", new CallerNote(null, "more"), Cancellation);

        Assert.Equal(Resumed.UnderWay, answer.Code);
        Assert.Contains("Run 'left' has ended, and its left-a is still ending.", answer.Detail,
            StringComparison.Ordinal);
        Assert.Equal(["left-a"], _engine.Raised);
    }

    /// <summary>A later run of the id would continue from the checkpoints.</summary>
    [Fact]
    public async Task Purge_OfARunThatTheEngineHasLost_RemembersItsArtifacts()
    {
        _service.Services.GetRequiredService<RunLedger>().Append(
            new RunId("lost"), LedgerKinds.Data, "data", new PreparedData("a", "b", 1, 1, new Dictionary<string, int>())
            {
                ArtifactsUri = "gs://team-bucket/runs/lost",
            });

        var (view, _) = await PurgeAsync("lost", Cancellation);

        Assert.Equal(["gs://team-bucket/runs/lost"], view!.Kept);
    }

    /// <summary>A run that takes over its work meanwhile must not find a tree that has lost files.</summary>
    [Fact]
    public async Task Purge_WithArtifacts_DeletesTheManifestsBeforeTheirFiles()
    {
        var root = Path.Combine(_service.Settings.StateDirectory, "elsewhere", "whole");
        foreach (var name in new[] { "tuned/a.safetensors", "tuned/artifact.json", "tuned/b/c.json", "train.jsonl" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(root, name))!);
            await File.WriteAllTextAsync(Path.Combine(root, name), "{}", Cancellation);
        }

        _service.Services.GetRequiredService<RunLedger>().Append(
            new RunId("whole"), LedgerKinds.Data, "data",
            new PreparedData("a", "b", 1, 1, new Dictionary<string, int>())
            {
                ArtifactsUri = ArtifactUri.OfFile(root).ToText(),
            });

        var (view, _) = await PurgeAsync("whole", Cancellation, withArtifacts: true);

        var artifacts = view!.Deleted.Where(each => each.Contains("elsewhere", StringComparison.Ordinal)).ToList();
        Assert.Equal(4, artifacts.Count);
        Assert.EndsWith("tuned/artifact.json", artifacts[0], StringComparison.Ordinal);
    }

    private async Task<(PurgedView? View, Refused? Refusal)> PurgeAsync(
        string id, CancellationToken cancellation, bool withArtifacts = false)
    {
        await using DurableTaskClient client = _engine.Client();
        return await ActivatorUtilities.CreateInstance<RunPurger>(_service.Services, client)
            .PurgeAsync(new RunId(id), withArtifacts, cancellation);
    }

    /// <summary>Logs of which another part writes one more line whenever they are forgotten first.</summary>
    private sealed class LateLogs(RunLogs logs) : IRunLogs
    {
        private bool _isForgotten;

        public static LogLine Line { get; } = new(
            0, DateTimeOffset.UnixEpoch, LogSource.Service, LogSeverity.Information, null, null, 1, "part", "late");

        public int LooksAfterEnd => 0;

        public void Begin(RunId runId) => logs.Begin(runId);

        public void Append(RunId runId, LogLine line) => logs.Append(runId, line);

        public (long Number, bool Again)? Append(
            RunId runId, string nodeId, string boot, IReadOnlyList<LogLine> lines) =>
            logs.Append(runId, nodeId, boot, lines);

        public long Last(RunId runId) => logs.Last(runId);

        public IReadOnlyList<LogLine> Tail(RunId runId, LogFilter filter, long last, int count) =>
            logs.Tail(runId, filter, last, count);

        public IReadOnlyList<LogLine> After(RunId runId, LogFilter filter, long after, long last, int count) =>
            logs.After(runId, filter, after, last, count);

        public void Forget(RunId runId)
        {
            logs.Forget(runId);
            if (!_isForgotten)
            {
                _isForgotten = true;
                logs.Append(runId, Line);
            }
        }
    }
}
