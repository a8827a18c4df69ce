using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>Downloads from the Hub whose connection, host or content changes on the way.</summary>
public sealed class HubResumeTests : IAsyncLifetime
{
    private const string Name = "model.safetensors";

    private static readonly ArtifactUri Weights = ArtifactUri.Parse($"hf://google/tiny/{Name}");

    private readonly TemporaryFolder _cache = new("hub-cache-");
    private readonly byte[] _weights = RandomNumberGenerator.GetBytes(200_000);
    private FakeHub _hub = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _hub.Files[Name] = _weights;
        _hub.Large.Add(Name);
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _cache.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(100_001)]
    [InlineData(199_999)]
    public async Task Read_CutOnceAnywhere_AsksForTheRestAndHasTheBytes(int offset)
    {
        var cuts = 1;
        OfTheFile(async context =>
        {
            if (Interlocked.Decrement(ref cuts) < 0)
            {
                return false;
            }

            await CutAsync(context, _weights.AsMemory(0, offset));
            return true;
        });

        Assert.Equal(_weights, await ReadAsync());

        var asked = Asked();
        Assert.Equal(2, asked.Count);
        Assert.Equal(offset == 0 ? "" : $"bytes={offset}-", asked[^1]);
    }

    /// <summary>The process ends in the middle; the next one goes on from the bytes on disk.</summary>
    [Fact]
    public async Task Read_AfterAnEndInTheMiddle_GoesOnFromTheBytesOnDisk()
    {
        await WriteIncompleteAsync(_weights[..150_000]);

        Assert.Equal(_weights, await ReadAsync());

        Assert.Equal(["bytes=150000-"], Asked());
    }

    /// <summary>What is on disk has the right length or less, and is not of this file.</summary>
    [Theory]
    [InlineData(1000)]
    [InlineData(200_000)]
    public async Task Read_OverBytesOfAnotherFile_IsRefusedOnceAndThenRight(int length)
    {
        await WriteIncompleteAsync(new byte[length]);

        Assert.Equal("ARTIFACT_DAMAGED", (await RefusedAsync()).ErrorCode);
        Assert.Equal(_weights, await ReadAsync());
    }

    [Fact]
    public async Task Read_OverMoreBytesThanTheFileHas_StartsOver()
    {
        await WriteIncompleteAsync(new byte[_weights.Length + 1]);

        Assert.Equal(_weights, await ReadAsync());

        Assert.Equal([""], Asked());
    }

    /// <summary>The branch moves while half of a file is here: the half is kept apart from the new content.</summary>
    [Fact]
    public async Task Read_OfABranchThatMovesInTheMiddle_IsTheNewFileWhole()
    {
        _hub.AnswerBytes = 0;
        await WriteIncompleteAsync(_weights[..90_000]);
        await RefusedAsync();
        _hub.AnswerBytes = null;
        var other = RandomNumberGenerator.GetBytes(_weights.Length);
        _hub.MoveTo(
            "fedcba9876543210fedcba9876543210fedcba98", new(StringComparer.Ordinal) { [Name] = other });

        Assert.Equal(other, await ReadAsync());

        Assert.Equal("", Asked()[^1]);
    }

    /// <summary>A host of files that answers a range with another one, or says that it does.</summary>
    [Theory]
    [InlineData("bytes 0-199999/200000", 0)]
    [InlineData("bytes 90000-199999/200000", 90_000)]
    [InlineData(null, 90_000)]
    public async Task Read_OfARestThatBeginsElsewhere_TakesItWhereItBelongs(string? range, int from)
    {
        await WriteIncompleteAsync(_weights[..90_000]);
        OfTheFile(async context =>
        {
            context.Response.StatusCode = 206;
            if (range is not null)
            {
                context.Response.Headers.ContentRange = range;
            }

            await context.Response.Body.WriteAsync(_weights.AsMemory(from));
            return true;
        });

        Assert.Equal(_weights, await ReadAsync());
    }

    [Theory]
    [InlineData(429, "0")]
    [InlineData(500, null)]
    [InlineData(502, "0")]
    [InlineData(503, "Sun, 29 Nov 2026 09:00:00 GMT")]
    [InlineData(503, "soon")]
    [InlineData(504, "-5")]
    public async Task Read_RefusedForAMomentInTheMiddle_WaitsAndGoesOn(int status, string? wait)
    {
        var (cuts, refusals) = (1, 2);
        OfTheFile(async context =>
        {
            if (Interlocked.Decrement(ref cuts) >= 0)
            {
                await CutAsync(context, _weights.AsMemory(0, 50_000));
                return true;
            }

            if (Interlocked.Decrement(ref refusals) < 0)
            {
                return false;
            }

            if (wait is not null)
            {
                context.Response.Headers.RetryAfter = wait;
            }

            await FakeHub.RefuseAsync(context, status, null, "later");
            return true;
        });

        Assert.Equal(_weights, await ReadAsync());

        Assert.Equal("bytes=50000-", Asked()[^1]);
    }

    [Theory]
    [InlineData(429, "ARTIFACT_RATE_LIMITED")]
    [InlineData(503, "ARTIFACT_UNAVAILABLE")]
    [InlineData(403, "ARTIFACT_FORBIDDEN")]
    [InlineData(416, "ARTIFACT_REFUSED")]
    public async Task Read_RefusedAgainAndAgain_EndsAfterAFewTriesAndKeepsWhatCame(int status, string code)
    {
        await WriteIncompleteAsync(_weights[..70_000]);
        OfTheFile(async context =>
        {
            context.Response.Headers.RetryAfter = "0";
            await FakeHub.RefuseAsync(context, status, null, "no");
            return true;
        });

        var fault = await RefusedAsync("token");
        Assert.Equal(code, fault.ErrorCode);
        Assert.InRange(Asked().Count, 1, 8);

        _hub.Before = null;
        Assert.Equal(_weights, await ReadAsync());
        Assert.Equal("bytes=70000-", Asked()[^1]);
    }

    [Theory]
    [InlineData("the same address")]
    [InlineData("two addresses in turn")]
    [InlineData("a new address each time")]
    public async Task Read_RedirectedWithoutEnd_IsRefused(string kind)
    {
        var count = 0;
        OfTheFile(context =>
        {
            var number = Interlocked.Increment(ref count);
            var query = kind switch
            {
                "the same address" => "",
                "two addresses in turn" => $"?{number % 2}",
                _ => $"?{number}",
            };
            context.Response.StatusCode = 302;
            context.Response.Headers.Location = $"{context.Request.Path}{query}";
            return Task.FromResult(true);
        });

        var fault = await RefusedAsync();

        Assert.Equal("ARTIFACT_REFUSED", fault.ErrorCode);
        Assert.Contains("redirects more than 8 times", fault.Message, StringComparison.Ordinal);
        // The first of the nine requests is the Hub's own.
        Assert.Equal(8, count);
    }

    [Theory]
    [InlineData("ftp://127.0.0.1/x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("javascript:alert(1)")]
    public async Task Read_RedirectedToAnotherScheme_IsRefusedAndReadsNothing(string location)
    {
        OfTheFile(context =>
        {
            context.Response.StatusCode = 302;
            context.Response.Headers.Location = location;
            return Task.FromResult(true);
        });

        Assert.Equal("ARTIFACT_REFUSED", (await RefusedAsync()).ErrorCode);
    }

    [Fact]
    public async Task Read_Cancelled_KeepsWhatCameForTheNextTime()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        OfTheFile(async context =>
        {
            context.Response.ContentLength = _weights.Length;
            await context.Response.Body.WriteAsync(_weights.AsMemory(0, 120_000));
            await context.Response.Body.FlushAsync();
            await Eventually.TrueAsync(() => new FileInfo(IncompletePath()) is { Exists: true, Length: 120_000 });
            await stop.CancelAsync();
            return true;
        });
        using (var store = Store(null))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => store.ReadBytesAsync(Weights, ByteRange.Whole, stop.Token));
        }

        _hub.Before = null;
        Assert.Equal(_weights, await ReadAsync());
        Assert.Equal("bytes=120000-", Asked()[^1]);
    }

    /// <summary>Answers requests for the file's bytes at their own host, before that does.</summary>
    private void OfTheFile(Func<HttpContext, Task<bool>> answer) => _hub.Before = context =>
        context.Request.Host.Host == "localhost" ? answer(context) : Task.FromResult(false);

    private static async Task CutAsync(HttpContext context, ReadOnlyMemory<byte> bytes)
    {
        context.Response.ContentLength = 200_000;
        await context.Response.Body.WriteAsync(bytes);
        await context.Response.Body.FlushAsync();
        throw FakeHub.Cut();
    }

    /// <summary>The ranges that the file's own host was asked for; empty text: the whole.</summary>
    private List<string> Asked()
    {
        lock (_hub.Requests)
        {
            return [.. _hub.Requests.Where(request => request.Contains("/resolve/", StringComparison.Ordinal))
                .Select(request => request.Contains(" bytes=", StringComparison.Ordinal)
                    ? request[(request.LastIndexOf(' ') + 1)..] : "")

                // The Hub is asked first, and sends to the host of the files.
                .Where((_, index) => index % 2 == 1)];
        }
    }

    private string IncompletePath() => Path.Combine(
        _cache.Path, "models--google--tiny", "blobs",
        $"{Convert.ToHexStringLower(SHA256.HashData(_weights))}.incomplete");

    private async Task WriteIncompleteAsync(byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(IncompletePath())!);
        await File.WriteAllBytesAsync(IncompletePath(), bytes, Cancellation);
    }

    private HubArtifactStore Store(string? token) => new(
        new HubSettings { Endpoint = _hub.Address, Token = token, Cache = _cache.Path }, TimeProvider.System,
        TimeSpan.FromMilliseconds(1));

    private async Task<byte[]> ReadAsync()
    {
        using var store = Store(null);
        return await store.ReadBytesAsync(Weights, ByteRange.Whole, Cancellation);
    }

    private async Task<ArtifactException> RefusedAsync(string? token = null)
    {
        using var store = Store(token);
        return await Assert.ThrowsAsync<ArtifactException>(
            () => store.ReadBytesAsync(Weights, ByteRange.Whole, Cancellation));
    }
}
