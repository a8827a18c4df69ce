using Grpc.Core;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Logs;
using Workflows.Service.Workers;
using Workflows.TestKit;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Workers;

/// <summary>Callers that send nothing, as a scanner does, and callers while the ledger cannot be written.</summary>
public sealed class GatewaySilenceTests : IDisposable
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 9, 0, 0, TimeSpan.Zero));
    private readonly TemporaryFolder _folder = new("gateway-");
    private readonly ApplicationLifetime _lifetime = new(NullLogger<ApplicationLifetime>.Instance);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Connect_OfACallerThatSaysNothing_EndsAfterHalfAMinute()
    {
        var connected = Gateway().Connect(new Silent(), null!, new Call(CancellationToken.None));

        _clock.Advance(TimeSpan.FromSeconds(29));
        Assert.False(connected.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(2));

        var fault = await Assert.ThrowsAsync<RpcException>(() => connected);
        Assert.Equal(StatusCode.DeadlineExceeded, fault.StatusCode);
        Assert.Contains("30 s", fault.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_OfACallerThatGoesBeforeItsHello_EndsAsCancelled()
    {
        using var gone = new CancellationTokenSource();
        var connected = Gateway().Connect(new Silent(), null!, new Call(gone.Token));

        await gone.CancelAsync();

        Assert.Equal(
            StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => connected)).StatusCode);
    }

    [Fact]
    public async Task Connect_OfACallerThatSaysNothingToAServiceThatStops_EndsAtOnce()
    {
        var connected = Gateway().Connect(new Silent(), null!, new Call(CancellationToken.None));

        _lifetime.StopApplication();

        Assert.Equal(
            StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => connected)).StatusCode);
    }

    /// <summary>A server that stops waits for its streams, and no worker ends one.</summary>
    [Fact]
    public async Task Connect_OfAWorkerToAServiceThatStopsLater_EndsAtOnce()
    {
        var (run, node) = (new RunId("run-1"), NodeName.Of("p", "us-west4-a", "wf-run-1-1"));
        var ledger = new RunLedger(_folder.Path, _clock);
        var jobs = new JobBook(ledger, new MetricsLog(ledger, _clock), _clock);
        var writer = new Writer();
        var connected = Gateway(jobs).Connect(
            new Silent { First = new WorkerMessage { Hello = HelloOf(run, node) } }, writer,
            new Call(CancellationToken.None));
        await writer.Welcomed.Task;
        Assert.True(jobs.IsConnected(run, node));
        Assert.False(connected.IsCompleted);

        _lifetime.StopApplication();

        await connected.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.False(jobs.IsConnected(run, node));
    }

    [Fact]
    public async Task Connect_WhileTheDiskRefusesTheLedger_IsUnavailableAndComesAgain()
    {
        var (run, node) = (new RunId("run-1"), NodeName.Of("p", "us-west4-a", "wf-run-1-1"));
        var ledger = new RunLedger(_folder.Path, _clock);
        var jobs = new JobBook(ledger, new MetricsLog(ledger, _clock), _clock);
        jobs.Dispatch(GivenJob.Training(run, node));
        using (new FileStream(
            Path.Combine(ledger.DirectoryOf(run), "ledger.jsonl"), FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            var fault = await Assert.ThrowsAsync<RpcException>(() => Gateway(jobs).Connect(
                new Silent { First = new WorkerMessage { Hello = HelloOf(run, node) } }, null!,
                new Call(CancellationToken.None)));

            Assert.Equal(StatusCode.Unavailable, fault.StatusCode);
            Assert.Contains("state folder", fault.Status.Detail, StringComparison.Ordinal);
            Assert.False(jobs.IsConnected(run, node));
        }

        jobs.Found(run, node, "cpu");
        Assert.Equal("WORKER_WITHOUT_TPU", jobs.Look(JobKind.Train, run, node).End?.Code);
    }

    private Hello HelloOf(RunId run, NodeName node) => new()
    {
        RunId = $"{run}",
        NodeName = $"{node}",
        Secret = new NodeSecrets(_folder.Path).For(run, node),
        Device = "cpu",
    };

    private WorkerGatewayService Gateway(JobBook? jobs = null)
    {
        var ledger = new RunLedger(_folder.Path, _clock);
        var secrets = new NodeSecrets(_folder.Path);
        return new WorkerGatewayService(
            jobs ?? new JobBook(ledger, new MetricsLog(ledger, _clock), _clock), secrets, null!,
            new WorkerLogs(new RunLogs(ledger), secrets, _clock), _lifetime, _clock,
            NullLogger<WorkerGatewayService>.Instance);
    }

    private sealed class Silent : IAsyncStreamReader<WorkerMessage>
    {
        private bool _isRead;

        public WorkerMessage? First { get; init; }

        public WorkerMessage Current => First ?? throw new InvalidOperationException("Nothing was read.");

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (First is not null && !_isRead)
            {
                return _isRead = true;
            }

            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return false;
        }
    }

    private sealed class Writer : IServerStreamWriter<GatewayMessage>
    {
        public TaskCompletionSource Welcomed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(GatewayMessage message)
        {
            Assert.NotNull(message.Welcome);
            Welcomed.SetResult();
            return Task.CompletedTask;
        }
    }

    private sealed class Call(CancellationToken cancellation) : ServerCallContext
    {
        protected override string MethodCore => "Connect";

        protected override string HostCore => "test";

        protected override string PeerCore => "test";

        protected override DateTime DeadlineCore => DateTime.MaxValue;

        protected override Metadata RequestHeadersCore { get; } = [];

        protected override CancellationToken CancellationTokenCore => cancellation;

        protected override Metadata ResponseTrailersCore { get; } = [];

        protected override Status StatusCore { get; set; }

        protected override WriteOptions? WriteOptionsCore { get; set; }

        protected override AuthContext AuthContextCore => new(null, []);

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
            throw new InvalidOperationException("Nothing is passed on.");

        protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
    }
}
