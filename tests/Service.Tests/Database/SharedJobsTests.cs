using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Database;
using Workflows.Service.Tests.Workers;
using Workflows.Service.Workers;
using Workflows.TestKit;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Tests.Database;

/// <summary>A worker's stream is at one service, and the activities of its run are at another.</summary>
public sealed class SharedJobsTests(SharedPostgres postgres) : IClassFixture<SharedPostgres>, IAsyncLifetime
{
    private static readonly RunId Run = new("run-1");
    private static readonly NodeName Node = NodeName.Of("p", "us-west4-a", "wf-run-1-1");

    private readonly TemporaryFolder _folder = new("workflows-jobs-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 20, 0, 0, TimeSpan.Zero));
    private readonly List<IDisposable> _open = [];
    private readonly CancellationTokenSource _end = new();
    private string _database = "";
    private JobBook _gateway = null!, _other = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await (await postgres.StartOrSkipAsync()).NewDatabaseAsync();
        (_gateway, _other) = (Service(), Service());
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _open.ForEach(each => each.Dispose());
        _end.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Dispatch_AtAServiceWithoutTheStream_ReachesTheWorker()
    {
        var connection = _gateway.Open(Run, Node);
        _other.Dispatch(GivenJob.Of(JobKind.Train, Run, Node));

        _ = _gateway.FollowAsync(Run, Node, connection, _end.Token);

        Assert.Equal("train@wf-run-1-1", (await connection.Outgoing.ReadAsync(Cancellation)).Job.JobId);
    }

    [Fact]
    public async Task Stop_AtAServiceWithoutTheStream_ReachesTheWorkerOnce()
    {
        var connection = _gateway.Open(Run, Node);
        _gateway.Dispatch(GivenJob.Of(JobKind.Train, Run, Node));
        _ = _gateway.FollowAsync(Run, Node, connection, _end.Token);
        _other.Stop(JobKind.Train, Run, Node);
        _clock.Advance(TimeSpan.FromSeconds(1));

        var message = await connection.Outgoing.ReadAsync(Cancellation);
        while (message.StopJob is null)
        {
            message = await connection.Outgoing.ReadAsync(Cancellation);
        }

        Assert.Equal("train@wf-run-1-1", message.StopJob.JobId);
    }

    [Fact]
    public async Task Revoke_AtAServiceWithoutTheStream_ClosesIt()
    {
        var connection = _gateway.Open(Run, Node);
        var following = _gateway.FollowAsync(Run, Node, connection, _end.Token);
        _other.Revoke(Run, Node);
        _clock.Advance(TimeSpan.FromSeconds(1));

        await following.WaitAsync(Cancellation);
        await connection.Outgoing.Completion.WaitAsync(Cancellation);
        Assert.True(_gateway.IsRevoked(Run, Node));
    }

    [Fact]
    public async Task Open_OfAWorkerThatCameOver_ClosesItsOldStream()
    {
        var old = _gateway.Open(Run, Node);
        _other.Open(Run, Node);

        await _gateway.FollowAsync(Run, Node, old, _end.Token).WaitAsync(Cancellation);

        await old.Outgoing.Completion.WaitAsync(Cancellation);
        _gateway.Closed(Run, Node, old);
        Assert.True(_gateway.IsConnected(Run, Node));
    }

    [Fact]
    public void Look_AtAnyService_TellsProgressAndSilence()
    {
        _other.Dispatch(GivenJob.Of(JobKind.Train, Run, Node));
        _gateway.Open(Run, Node);
        _gateway.Report(Run, Node, new Progress
        {
            JobId = "train@wf-run-1-1",
            Step = 10,
            Steps = 100,
            CheckpointStep = 5,
            Loss = 1,
            Tokens = 100,
        });
        _clock.Advance(TimeSpan.FromSeconds(7));

        var standing = _other.Look(JobKind.Train, Run, Node);

        Assert.Equal((10, 5, 100), (standing.Step, standing.CheckpointStep, standing.Steps));
        Assert.Equal(TimeSpan.FromSeconds(7), standing.SilentFor);
        Assert.Equal(10, _other.Latest(Run)?.Step);
        Assert.True(_other.IsConnected(Run, Node));
    }

    /// <summary>A service that died cannot tell that its streams are over.</summary>
    [Fact]
    public void IsConnected_OfAServiceThatDied_IsFalseAfterItsSilence()
    {
        _gateway.Open(Run, Node);
        Assert.True(_other.IsConnected(Run, Node));

        _clock.Advance(TimeSpan.FromSeconds(21));

        Assert.False(_other.IsConnected(Run, Node));
    }

    [Fact]
    public void Closed_OfTheOnlyStream_IsSeenAtOnce()
    {
        var connection = _gateway.Open(Run, Node);

        _gateway.Closed(Run, Node, connection);

        Assert.False(_other.IsConnected(Run, Node));
    }

    [Fact]
    public async Task NodeSecrets_OfBothServices_AreTheSame()
    {
        var (one, other) = (State(), State());
        var secrets = await Task.WhenAll(
            Task.Run(() => Activities.Provisioning.NodeSecrets.Shared(one).For(Run, Node), Cancellation),
            Task.Run(() => Activities.Provisioning.NodeSecrets.Shared(other).For(Run, Node), Cancellation));

        Assert.Equal(secrets[0], secrets[1]);
    }

    private DatabaseState State()
    {
        var access = new DatabaseAccess(_database, TimeSpan.FromSeconds(60), NullLogger.Instance);
        var state = new DatabaseState(access);
        _open.AddRange([state, access]);
        return state;
    }

    private JobBook Service()
    {
        var ledger = new RunLedger(State(), _folder.Path, _clock);
        return new JobBook(ledger, new MetricsLog(ledger, _clock), _clock);
    }
}
