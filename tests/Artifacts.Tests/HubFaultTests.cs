using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>A Hub, or a proxy in its place, that breaks off, falls silent, floods or sends elsewhere.</summary>
public sealed class HubFaultTests : IAsyncLifetime
{
    private static readonly ArtifactUri Config = ArtifactUri.Parse("hf://google/tiny/config.json");
    private readonly TemporaryFolder _cache = new("hub-cache-");
    private FakeHub _hub = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _hub.Files["config.json"] = "{}"u8.ToArray();
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _cache.Dispose();
    }

    [Theory]
    [InlineData("cut off")]
    [InlineData("silent before the headers")]
    [InlineData("silent in the middle")]
    public async Task FindAsync_WhenTheListBreaksOff_AsksAgain(string kind)
    {
        var faults = 2;
        BreakList(kind, () => Interlocked.Decrement(ref faults) >= 0);
        using var store = Store(kind == "cut off" ? 10 : 0.3);

        var found = await store.FindAsync(Config, Cancellation);

        Assert.Equal(2, found!.Bytes);
        Assert.True(faults < 0, "The list was never broken off.");
    }

    [Theory]
    [InlineData("cut off", "ARTIFACT_TRUNCATED")]
    [InlineData("silent before the headers", "ARTIFACT_UNAVAILABLE")]
    [InlineData("silent in the middle", "ARTIFACT_TRUNCATED")]
    public async Task FindAsync_WhenTheListAlwaysBreaksOff_SaysSoOrTakesTheCache(string kind, string code)
    {
        var stall = kind == "cut off" ? 10 : 0.3;
        BreakList(kind, () => true);
        using (var store = Store(stall))
        {
            var fault = await Assert.ThrowsAsync<ArtifactException>(() => store.FindAsync(Config, Cancellation));

            Assert.Equal(code, fault.ErrorCode);
            Assert.Contains("google/tiny", fault.Message, StringComparison.Ordinal);
        }

        _hub.Before = null;
        using (var store = Store())
        {
            await store.EnsureCachedAsync(Config, Cancellation);
        }

        BreakList(kind, () => true);
        using var again = Store(stall);
        Assert.Equal(2, (await again.FindAsync(Config, Cancellation))!.Bytes);
    }

    [Fact]
    public async Task FindAsync_OfAListWithoutEnd_IsRefused()
    {
        _hub.Before = async context =>
        {
            var spaces = new byte[1 << 20];
            Array.Fill(spaces, (byte)' ');
            context.Response.ContentType = "application/json";
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.Body.WriteAsync(spaces, context.RequestAborted);
            }

            return true;
        };
        using var store = Store();

        var fault = await Assert.ThrowsAsync<ArtifactException>(() => store.FindAsync(Config, Cancellation));

        Assert.Equal("ARTIFACT_DAMAGED", fault.ErrorCode);
        Assert.Contains("more than 64 MiB", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ftp://example.org/list", "'ftp:'")]
    [InlineData("file:///etc/passwd", "'file:'")]
    [InlineData("data:application/json,{}", "'data:'")]
    [InlineData("/api/models/google/tiny/revision/main", "redirects more than 8 times")]
    public async Task FindAsync_RedirectedToWhereNothingCanBeRead_IsRefused(string location, string problem)
    {
        _hub.Before = context =>
        {
            context.Response.StatusCode = 302;
            context.Response.Headers.Location = location;
            return Task.FromResult(true);
        };
        using var store = Store();

        var fault = await Assert.ThrowsAsync<ArtifactException>(() => store.FindAsync(Config, Cancellation));

        Assert.Contains(problem, fault.Message, StringComparison.Ordinal);
        Assert.Contains("HF_ENDPOINT", fault.Message, StringComparison.Ordinal);
        Assert.InRange(_hub.Requests.Count, 1, 9);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FindAsync_RefusedWithWordsThatDoNotEnd_HasTheirBeginning(bool isCut)
    {
        _hub.Before = async context =>
        {
            context.Response.StatusCode = 403;
            context.Response.ContentType = "text/plain";
            await context.Response.Body.WriteAsync("No, and that is why: "u8.ToArray());
            await context.Response.Body.FlushAsync();
            var words = "because "u8.ToArray();
            while (!isCut && !context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.Body.WriteAsync(words, context.RequestAborted);
            }

            throw FakeHub.Cut();
        };
        using var store = Store();

        var fault = await Assert.ThrowsAsync<ArtifactException>(() => store.FindAsync(Config, Cancellation));

        Assert.Equal("ARTIFACT_FORBIDDEN", fault.ErrorCode);
        Assert.Equal(!isCut, fault.Message.Contains("No, and that is why", StringComparison.Ordinal));
        Assert.InRange(fault.Message.Length, 20, 1000);
    }

    [Fact]
    public Task ReadAsync_CutAtAnyByte_IsWholeAndFetchesNothingTwice() => Seeds.TryAsync(5, async random =>
    {
        var weights = new byte[200_000];
        random.NextBytes(weights);
        var name = $"weights-{random.Next()}.bin";
        _hub.Files[name] = weights;
        _hub.Large.Add(name);
        _hub.Requests.Clear();
        var answered = 0L;
        _hub.Before = context =>
        {
            var isFile = context.Request.Host.Host == "localhost";
            _hub.AnswerBytes = isFile ? random.Next(1, 60_000) : null;
            answered += _hub.AnswerBytes ?? 0;
            return Task.FromResult(false);
        };
        using var store = Store();
        using var read = new MemoryStream();

        await store.ReadAsync(
            ArtifactUri.Parse($"hf://google/tiny/{name}"), ByteRange.Whole, read, Cancellation);

        Assert.Equal(weights, read.ToArray());
        Assert.InRange(answered, weights.Length, weights.Length + 60_000);
        var from = _hub.Requests.Where(each => each.Contains("bytes=", StringComparison.Ordinal))
            .Select(each => long.Parse(each.Split("bytes=")[1].TrimEnd('-'))).ToList();
        Assert.NotEmpty(from);
        Assert.Equal(from.Order(), from);
    });

    [Fact]
    public async Task ReadAsync_IntoACacheThatIsAFile_NamesThePlace()
    {
        var file = _cache.Write("cache", "");
        using var store = new HubArtifactStore(
            new HubSettings { Endpoint = _hub.Address, Cache = file }, TimeProvider.System,
            TimeSpan.FromMilliseconds(1));

        var fault = await Assert.ThrowsAnyAsync<Exception>(
            () => store.ReadAsync(Config, ByteRange.Whole, Stream.Null, Cancellation));

        Assert.Contains(file, fault.Message, StringComparison.Ordinal);
    }

    /// <summary>Breaks the answers of the list of files for as long as a condition holds.</summary>
    private void BreakList(string kind, Func<bool> breaks) => _hub.Before = async context =>
    {
        if (!context.Request.Path.Value!.StartsWith("/api/", StringComparison.Ordinal) || !breaks())
        {
            return false;
        }

        if (kind != "silent before the headers")
        {
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = 1000;
            await context.Response.Body.WriteAsync("{\"sha\": "u8.ToArray());
            await context.Response.Body.FlushAsync();
        }

        if (kind == "cut off")
        {
            throw FakeHub.Cut();
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return true;
    };

    private HubArtifactStore Store(double stallSeconds = 10) => new(
        new HubSettings { Endpoint = _hub.Address, Cache = _cache.Path }, TimeProvider.System,
        TimeSpan.FromMilliseconds(1), stall: TimeSpan.FromSeconds(stallSeconds));
}
