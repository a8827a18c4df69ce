using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Storage;
using Workflows.Service.Access;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Access;

/// <summary>The end of a session, by a clock that the test moves.</summary>
public sealed class SessionClockTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("sessions-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 8, 0, 0, TimeSpan.Zero));
    private readonly KeyFile _file;
    private readonly Sessions _sessions;

    public SessionClockTests()
    {
        _file = new KeyFile(_folder.Path, _clock);
        _sessions = new Sessions(new KeyRing(_file, _clock), _clock);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null, 12)]
    [InlineData(48, 12)]
    [InlineData(5, 5)]
    public async Task Session_EndsAtItsTimeOrWithItsKey(int? keyHours, int expected)
    {
        var (key, _) = await _file.MakeAsync(
            "laptop", AccessRole.Reader, keyHours is { } hours ? TimeSpan.FromHours(hours) : null, Cancellation);
        var caller = _sessions.Begin(key, TimeSpan.FromHours(12));
        Assert.Equal(_clock.GetUtcNow().AddHours(expected), Sessions.EndOf(caller));

        _clock.Advance(TimeSpan.FromHours(expected) - TimeSpan.FromSeconds(1));
        Assert.True(_sessions.Holds(caller));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(_sessions.Holds(caller));
    }

    [Fact]
    public async Task End_OfOneSession_LeavesTheOthersOfItsKey()
    {
        var (key, _) = await _file.MakeAsync("laptop", AccessRole.Reader, null, Cancellation);
        var (first, second) = (
            _sessions.Begin(key, TimeSpan.FromHours(1)), _sessions.Begin(key, TimeSpan.FromHours(1)));

        _sessions.End(first);

        Assert.False(_sessions.Holds(first));
        Assert.True(_sessions.Holds(second));
    }

    /// <summary>A copied cookie is void in the service that is started next, until it would have ended
    /// anyway.</summary>
    [Fact]
    public async Task End_OfASession_IsRememberedByTheNextService()
    {
        var state = new FolderState(_folder.Path);
        var (key, _) = await _file.MakeAsync("laptop", AccessRole.Reader, null, Cancellation);
        var first = new Sessions(new KeyRing(_file, _clock), _clock, state);
        var (ended, other) = (first.Begin(key, TimeSpan.FromHours(1)), first.Begin(key, TimeSpan.FromHours(3)));
        first.End(ended);

        var second = new Sessions(new KeyRing(_file, _clock), _clock, new FolderState(_folder.Path));
        Assert.False(second.Holds(ended));
        Assert.True(second.Holds(other));

        // What is over is forgotten.
        _clock.Advance(TimeSpan.FromHours(2));
        second.End(other);
        Assert.Single(Encoding.ASCII.GetString(state.Read("access/ended")!).Trim().Split('\n'));
    }

    /// <summary>An open stream ends with the next event after the revocation, which is not sent.</summary>
    [Fact]
    public async Task While_TheKeyIsRevoked_TheStreamEnds()
    {
        var (key, _) = await _file.MakeAsync("laptop", AccessRole.Reader, null, Cancellation);
        var caller = _sessions.Begin(key, TimeSpan.FromHours(1));
        var source = Channel.CreateUnbounded<int>();
        await using var stream = _sessions.WhileAsync(caller, source.Reader.ReadAllAsync(Cancellation))
            .GetAsyncEnumerator(Cancellation);
        source.Writer.TryWrite(1);
        Assert.True(await stream.MoveNextAsync());

        await _file.RevokeAsync("laptop", Cancellation);
        source.Writer.TryWrite(2);

        Assert.False(await stream.MoveNextAsync());
    }

    [Fact]
    public async Task While_TheClientLeaves_TheEventsSeeIt()
    {
        var (key, _) = await _file.MakeAsync("laptop", AccessRole.Reader, null, Cancellation);
        using var gone = new CancellationTokenSource();
        await using var stream = _sessions.WhileAsync(_sessions.Begin(key, TimeSpan.FromHours(1)), HasGone())
            .GetAsyncEnumerator(gone.Token);
        Assert.True(await stream.MoveNextAsync());
        Assert.False(stream.Current);

        await gone.CancelAsync();

        Assert.True(await stream.MoveNextAsync());
        Assert.True(stream.Current);

        static async IAsyncEnumerable<bool> HasGone([EnumeratorCancellation] CancellationToken cancellation = default)
        {
            while (true)
            {
                await Task.CompletedTask;
                yield return cancellation.IsCancellationRequested;
            }
        }
    }
}
