using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>The Hub: its errors, its hashes, and the cache of Python's library.</summary>
public sealed class HubArtifactStoreTests : IAsyncLifetime
{
    private static readonly ArtifactUri Model = ArtifactUri.Parse("hf://google/tiny");
    private readonly TemporaryFolder _cache = new("hub-cache-");
    private readonly byte[] _weights = RandomNumberGenerator.GetBytes(3_000_000);
    private FakeHub _hub = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _hub.Files["config.json"] = "{}"u8.ToArray();
        _hub.Files["model.safetensors"] = _weights;
        _hub.Files["original/x.bin"] = [1];
        _hub.Large.Add("model.safetensors");
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _cache.Dispose();
    }

    [Fact]
    public async Task ReadAsync_OfWholeFiles_FillsTheCacheInItsOwnLayout()
    {
        using (var store = Store(token: "secret"))
        {
            Assert.Equal(_weights, await ReadAsync(store, "model.safetensors"));
            Assert.Equal("{}"u8.ToArray(), await ReadAsync(store, "config.json"));
        }

        var root = Path.Combine(_cache.Path, "models--google--tiny");
        var file = Path.Combine(root, "snapshots", FakeHub.Commit, "model.safetensors");
        Assert.Equal(FakeHub.Commit, await File.ReadAllTextAsync(Path.Combine(root, "refs", "main"), Cancellation));
        Assert.Equal(
            Path.Combine("..", "..", "blobs", Convert.ToHexStringLower(SHA256.HashData(_weights))),
            new FileInfo(file).LinkTarget);
        Assert.Equal(_weights, await File.ReadAllBytesAsync(file, Cancellation));
        Assert.Equal(0, _hub.TokensElsewhere);

        // And what is there is not asked for again, without a network neither.
        var asked = _hub.Requests.Count;
        using var offline = Store(isOffline: true);
        Assert.Equal(_weights, await ReadAsync(offline, "model.safetensors"));
        Assert.Equal(asked, _hub.Requests.Count);
        var fault = await Assert.ThrowsAsync<ArtifactException>(() => ReadAsync(offline, "original/x.bin"));
        Assert.Equal("ARTIFACT_NOT_FOUND", fault.ErrorCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ReadAsync_OfARange_NeedsNoCopy(bool ignoresRanges)
    {
        _hub.IgnoresRanges = ignoresRanges;
        using var store = Store();

        var part = await store.ReadBytesAsync(
            Model.Child("model.safetensors"), new ByteRange(1_000_000, 100), Cancellation);

        Assert.Equal(_weights[1_000_000..1_000_100], part);
        Assert.False(Directory.Exists(Path.Combine(_cache.Path, "models--google--tiny", "snapshots")));
    }

    [Fact]
    public async Task ReadAsync_OfAFileThatBreaksOff_GoesOnWhereItWas()
    {
        _hub.AnswerBytes = 700_000;
        using var store = Store();

        Assert.Equal(_weights, await ReadAsync(store, "model.safetensors"));
        Assert.Contains(_hub.Requests, request => request.EndsWith("bytes=2100000-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ReadAsync_WhenTheRestIgnoresTheRange_StartsOver()
    {
        using var store = Store();
        var incomplete = Path.Combine(
            Directory.CreateDirectory(Path.Combine(_cache.Path, "models--google--tiny", "blobs")).FullName,
            $"{Convert.ToHexStringLower(SHA256.HashData(_weights))}.incomplete");
        await File.WriteAllBytesAsync(incomplete, _weights[..100_000], Cancellation);
        _hub.IgnoresRanges = true;

        Assert.Equal(_weights, await ReadAsync(store, "model.safetensors"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(150)]
    public async Task ReadAsync_OfAFileThatIsAlwaysCutShort_KeepsWhatCameAndSaysSo(int bytes)
    {
        _hub.AnswerBytes = bytes;
        _hub.Files["model.safetensors"] = _weights[..1000];
        using var store = Store();

        if (bytes > 0)
        {
            Assert.Equal(_weights[..1000], await ReadAsync(store, "model.safetensors"));
            return;
        }

        var fault = await Assert.ThrowsAsync<ArtifactException>(() => ReadAsync(store, "model.safetensors"));
        Assert.True(fault.Fault is ArtifactFault.Truncated or ArtifactFault.Unavailable, fault.Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ReadAsync_FromAHostThatFallsSilent_TriesAgain(bool isPart)
    {
        var silent = 1;
        _hub.Before = async context =>
        {
            if (!context.Request.Path.Value!.Contains("/resolve/", StringComparison.Ordinal)
                || Interlocked.Decrement(ref silent) < 0)
            {
                return false;
            }

            context.Response.ContentLength = _weights.Length;
            await context.Response.Body.WriteAsync(_weights.AsMemory(0, 1000));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        using var store = new HubArtifactStore(
            new HubSettings { Endpoint = _hub.Address, Cache = _cache.Path }, TimeProvider.System,
            TimeSpan.FromMilliseconds(1), stall: TimeSpan.FromMilliseconds(300));

        var range = isPart ? new ByteRange(0, 5000) : ByteRange.Whole;
        Assert.Equal(
            isPart ? _weights[..5000] : _weights,
            await store.ReadBytesAsync(Model.Child("model.safetensors"), range, Cancellation));
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    public async Task ReadAsync_OfAFileWithAnotherHash_IsRefusedAndNotKept(string name)
    {
        _hub.HasWrongHashes = true;
        using var store = Store();

        var fault = await Assert.ThrowsAsync<ArtifactException>(() => ReadAsync(store, name));

        Assert.Equal("ARTIFACT_DAMAGED", fault.ErrorCode);
        Assert.Empty(Directory.GetFiles(Path.Combine(_cache.Path, "models--google--tiny", "blobs")));
    }

    [Theory]
    [InlineData(403, "GatedRepo", "secret", "ARTIFACT_GATED", "Accept the licence at")]
    [InlineData(401, "GatedRepo", null, "ARTIFACT_GATED", "HF_TOKEN")]
    [InlineData(401, "RepoNotFound", null, "ARTIFACT_NOT_FOUND", "a private repository needs HF_TOKEN")]
    [InlineData(404, "RepoNotFound", "secret", "ARTIFACT_NOT_FOUND", "the token's account may not see it")]
    [InlineData(401, null, "secret", "ARTIFACT_UNAUTHENTICATED", "a token that is valid")]
    [InlineData(403, null, "secret", "ARTIFACT_FORBIDDEN", "right to read")]
    [InlineData(429, null, null, "ARTIFACT_RATE_LIMITED", "who is known has a higher limit")]
    [InlineData(503, null, null, "ARTIFACT_UNAVAILABLE", "try again")]
    public async Task FindAsync_WhenTheHubRefuses_HasItsWordsAndTheFix(
        int status, string? code, string? token, string expected, string fix)
    {
        _hub.Before = async context =>
        {
            await FakeHub.RefuseAsync(context, status, code, "The Hub's own words");
            return true;
        };
        using var store = Store(token);

        var fault = await Assert.ThrowsAsync<ArtifactException>(() =>
            store.FindAsync(Model.Child("config.json"), Cancellation));

        Assert.Equal(expected, fault.ErrorCode);
        Assert.Contains(fix, fault.Message, StringComparison.Ordinal);
        Assert.Contains("The Hub's own words", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FindAsync_OfAnUnknownRevision_SaysSo()
    {
        using var store = Store();

        var fault = await Assert.ThrowsAsync<ArtifactException>(() =>
            store.FindAsync(ArtifactUri.Parse("hf://google/tiny@v9/config.json"), Cancellation));

        Assert.Equal("ARTIFACT_REVISION_NOT_FOUND", fault.ErrorCode);
    }

    [Fact]
    public async Task FindAsync_OfAMovedRepository_FollowsWithTheToken()
    {
        var seen = "";
        _hub.Before = context =>
        {
            if (context.Request.Path.StartsWithSegments("/api/models/google/old"))
            {
                context.Response.StatusCode = 307;
                context.Response.Headers.Location = "/api/models/google/tiny/revision/main?blobs=true";
                return Task.FromResult(true);
            }

            seen = context.Request.Headers.Authorization.ToString();
            return Task.FromResult(false);
        };
        using var store = Store(token: "secret");

        Assert.NotNull(await store.FindAsync(ArtifactUri.Parse("hf://google/old/config.json"), Cancellation));
        Assert.Equal("Bearer secret", seen);
    }

    [Fact]
    public async Task FindAsync_AfterAFewRefusals_WaitsAsAskedAndGoesOn()
    {
        var left = 2;
        _hub.Before = async context =>
        {
            if (left-- <= 0)
            {
                return false;
            }

            context.Response.Headers.RetryAfter = "0";
            await FakeHub.RefuseAsync(context, 429, null, "slow down");
            return true;
        };
        using var store = Store();

        Assert.Equal(2, (await store.FindAsync(Model.Child("config.json"), Cancellation))!.Bytes);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"sha": "main", "siblings": []}""")]
    [InlineData("""{"sha": "COMMIT", "siblings": [{"rfilename": "../x", "size": 1}]}""")]
    [InlineData("""{"sha": "COMMIT", "siblings": [{"rfilename": "x", "size": -1}]}""")]
    [InlineData("""{"sha": "COMMIT", "siblings": [{"rfilename": "x", "size": 1, "blobId": "../../x"}]}""")]
    public async Task FindAsync_OfAListThatIsRubbish_IsRefused(string json)
    {
        _hub.Before = async context =>
        {
            await context.Response.WriteAsync(json.Replace("COMMIT", FakeHub.Commit, StringComparison.Ordinal));
            return true;
        };
        using var store = Store();

        var fault = await Assert.ThrowsAsync<ArtifactException>(() =>
            store.FindAsync(Model.Child("x"), Cancellation));

        Assert.Equal("ARTIFACT_DAMAGED", fault.ErrorCode);
    }

    [Fact]
    public async Task DataSets_AreReadFromTheirOwnPlace()
    {
        using var store = Store();

        Assert.Equal("{}"u8.ToArray(), await store.ReadBytesAsync(
            ArtifactUri.Parse("hf://datasets/org/pairs/config.json"), ByteRange.Whole, Cancellation));
        Assert.Contains(_hub.Requests, request =>
            request.StartsWith("/datasets/org/pairs/resolve/", StringComparison.Ordinal));
        Assert.True(Directory.Exists(Path.Combine(_cache.Path, "datasets--org--pairs", "snapshots")));
    }

    [Fact]
    public async Task WriteAndDelete_AreRefused()
    {
        using var store = Store();

        Assert.Equal("ARTIFACT_UNSUPPORTED", (await Assert.ThrowsAsync<ArtifactException>(() =>
            store.WriteBytesAsync(Model.Child("x"), [1], WriteCondition.None, Cancellation))).ErrorCode);
        Assert.Equal("ARTIFACT_UNSUPPORTED", (await Assert.ThrowsAsync<ArtifactException>(() =>
            store.DeleteAsync(Model.Child("x"), null, Cancellation))).ErrorCode);
    }

    [Fact]
    public void Settings_OfTheEnvironment_AreThoseOfPythonsLibrary()
    {
        _cache.Write("token", "from-file\n");
        var set = new Dictionary<string, string?> { ["HF_HOME"] = _cache.Path, ["HF_HUB_OFFLINE"] = "true" };

        var settings = HubSettings.Of(set.GetValueOrDefault);
        set["HF_TOKEN"] = " from-variable ";
        set["HF_ENDPOINT"] = "ftp://x";

        Assert.Equal(("from-file", true, _cache["hub"]), (settings.Token, settings.IsOffline, settings.Cache));
        Assert.Equal("https://huggingface.co/", settings.Endpoint.AbsoluteUri);
        Assert.Contains("HF_ENDPOINT", Assert.Throws<ArtifactException>(
            () => HubSettings.Of(set.GetValueOrDefault)).Message, StringComparison.Ordinal);
    }

    private HubArtifactStore Store(string? token = null, bool isOffline = false) => new(
        new HubSettings { Endpoint = _hub.Address, Token = token, Cache = _cache.Path, IsOffline = isOffline },
        TimeProvider.System, TimeSpan.FromMilliseconds(1));

    private static Task<byte[]> ReadAsync(HubArtifactStore store, string name) =>
        store.ReadBytesAsync(Model.Child(name), ByteRange.Whole, Cancellation);
}
