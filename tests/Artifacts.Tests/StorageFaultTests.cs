using System.Security.Cryptography;
using Google.Apis.Auth.OAuth2.Responses;
using Workflows.TestKit;

namespace Workflows.Artifacts.Tests;

/// <summary>Faults of Cloud Storage, played by the emulator to Google's client.</summary>
public sealed class StorageFaultTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("upload", 429, 3)]
    [InlineData("upload", 503, 3)]
    [InlineData("upload", 500, 1)]
    [InlineData("stat", 503, 4)]
    [InlineData("download", 502, 3)]
    [InlineData("list", 429, 3)]
    [InlineData("delete", 503, 3)]
    public async Task EveryCall_OverAPassingFault_EndsWell(string call, int status, int times)
    {
        await using var host = await StorageHost.StartAsync(
            $$"""{"storage": [{"on": "{{call}}", "status": {{status}}, "times": {{times}}}]}""");

        await RoundTripAsync(host, RandomNumberGenerator.GetBytes(1000));
    }

    [Theory]
    [InlineData("upload", 1)]
    [InlineData("upload", 300_000)]
    [InlineData("upload", 9_000_000)]
    [InlineData("download", 0)]
    [InlineData("download", 5_000_000)]
    public async Task EveryTransfer_OverACutConnection_GoesOn(string call, int bytes)
    {
        await using var host = await StorageHost.StartAsync(
            $$"""{"storage": [{"on": "{{call}}", "skip": 1, "cutAfterBytes": {{bytes}}, "times": 3}]}""");

        await RoundTripAsync(host, RandomNumberGenerator.GetBytes(20 << 20));
    }

    [Theory]
    [InlineData(401, "ARTIFACT_UNAUTHENTICATED", "Invalid Credentials", "gcloud auth")]
    [InlineData(403, "ARTIFACT_FORBIDDEN", "does not have storage.objects.create access", "roles/storage.objectAdmin")]
    [InlineData(404, "ARTIFACT_NOT_FOUND", "The specified bucket does not exist.", "buckets create")]
    [InlineData(412, "ARTIFACT_CHANGED", "pre-conditions", "decide anew")]
    [InlineData(429, "ARTIFACT_RATE_LIMITED", "rate limit", "once a second")]
    [InlineData(503, "ARTIFACT_UNAVAILABLE", "We encountered an internal error", "status page")]
    public async Task WriteAsync_OverALastingFault_HasGooglesWordsAndTheFix(
        int status, string code, string words, string fix)
    {
        await using var host = await StorageHost.StartAsync(
            $$"""{"storage": [{"on": "upload", "status": {{status}}, "times": 1000}]}""");

        var fault = await Assert.ThrowsAsync<ArtifactException>(() => host.Store.WriteBytesAsync(
            StorageHost.Uri("x"), [1, 2, 3], WriteCondition.None, Cancellation));

        Assert.Equal(code, fault.ErrorCode);
        Assert.Contains(words, fault.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(fix, fault.Message, StringComparison.Ordinal);
        Assert.Contains("gs://demo-bucket/x", fault.Message, StringComparison.Ordinal);
        Assert.Null(await host.Store.FindAsync(StorageHost.Uri("x"), Cancellation));
    }

    [Fact]
    public async Task EveryCall_ToABucketOutOfReach_NamesItAndTheNetwork()
    {
        using var closed = ReservedPort.Take();
        using var store = new StorageArtifactStore(
            new Uri($"http://127.0.0.1:{closed.Number}"), TimeProvider.System, TimeSpan.FromMilliseconds(1));
        var uri = StorageHost.Uri("x");

        foreach (var call in (Func<Task>[])[
            () => store.FindAsync(uri, Cancellation),
            () => store.ReadBytesAsync(uri, new ByteRange(0, 1), Cancellation),
            () => store.WriteBytesAsync(uri, [1], WriteCondition.None, Cancellation),
            () => store.DeleteAsync(uri, null, Cancellation),
            () => new ArtifactTree(store).ListAsync(uri, Cancellation),
        ])
        {
            var fault = await Assert.ThrowsAsync<ArtifactException>(call);

            Assert.Equal("ARTIFACT_UNAVAILABLE", fault.ErrorCode);
            Assert.Contains("gs://demo-bucket", fault.Address, StringComparison.Ordinal);
            Assert.Contains("network", fault.Fix, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Typed_OfARevokedToken_IsAFaultOfTheCredentials()
    {
        var fault = StorageFaults.Typed(StorageHost.Uri("x"), new TokenResponseException(new TokenErrorResponse
        {
            Error = "invalid_grant",
            ErrorDescription = "Token has been expired or revoked.",
        }));

        Assert.Equal("ARTIFACT_UNAUTHENTICATED", fault.ErrorCode);
        Assert.Contains("revoked", fault.Message, StringComparison.Ordinal);
        Assert.Contains("gcloud auth", fault.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FindAsync_InABucketThatIsNotThere_IsAFaultAndNotAnEmptyAnswer()
    {
        await using var host = await StorageHost.StartAsync();

        var fault = await Assert.ThrowsAsync<ArtifactException>(() =>
            host.Store.FindAsync(ArtifactUri.Parse("gs://no-such-bucket/x"), Cancellation));

        Assert.Equal(ArtifactFault.NotFound, fault.Fault);
        Assert.Contains("bucket does not exist", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WriteAsync_IfAbsentWhoseAnswerIsLost_KnowsItsOwnObject()
    {
        // The last request of the upload is answered after its object is there, and the answer does not arrive.
        await using var host = await StorageHost.StartAsync();
        using var lossy = new LossyProxy(host.Address, lostAnswers: 1);
        using var store = new StorageArtifactStore(lossy.Address, TimeProvider.System, TimeSpan.FromMilliseconds(1));
        var bytes = RandomNumberGenerator.GetBytes(5000);

        var written = await store.WriteBytesAsync(
            StorageHost.Uri("once"), bytes, WriteCondition.IfAbsent, Cancellation);

        Assert.Equal(1, lossy.Lost);
        Assert.Equal(
            written.Generation, (await host.Store.FindAsync(StorageHost.Uri("once"), Cancellation))!.Generation);
    }

    [Fact]
    public async Task ReadAsync_OfADeletedOrReplacedObjectInTheMiddle_IsNoMixture()
    {
        await using var host = await StorageHost.StartAsync(
            """{"storage": [{"on": "download", "cutAfterBytes": 3000000, "times": 1}]}""");
        var uri = StorageHost.Uri("x");
        await host.Store.WriteBytesAsync(uri, new byte[4 << 20], WriteCondition.None, Cancellation);
        var target = new OnFirstWrite(() => host.Store.WriteBytesAsync(
            uri, RandomNumberGenerator.GetBytes(4 << 20), WriteCondition.None, Cancellation));

        var fault = await Record.ExceptionAsync(() =>
            host.Store.ReadAsync(uri, ByteRange.Whole, target, Cancellation));

        // A reset that overtakes every byte leaves the old one to be read whole before it is replaced.
        if (fault is null)
        {
            Assert.Equal(new byte[4 << 20], target.ToArray());
            return;
        }

        Assert.Equal(ArtifactFault.NotFound, Assert.IsType<ArtifactException>(fault).Fault);
    }

    [Fact]
    public async Task WriteAsync_Cancelled_EndsAtOnceAndLeavesNothing()
    {
        await using var host = await StorageHost.StartAsync(
            """{"storage": [{"on": "upload", "delaySeconds": 600, "times": 1000}]}""");
        using var stop = new CancellationTokenSource();
        var write = host.Store.WriteBytesAsync(StorageHost.Uri("x"), [1], WriteCondition.None, stop.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);
        Assert.Null(await host.Store.FindAsync(StorageHost.Uri("x"), Cancellation));
    }

    [Fact]
    public async Task ReadAsync_OnToAFullDisk_FailsAsTheDiskDidAndAtOnce()
    {
        await using var host = await StorageHost.StartAsync();
        await host.Store.WriteBytesAsync(StorageHost.Uri("x"), new byte[1000], WriteCondition.None, Cancellation);
        var target = new OnFirstWrite(() => throw new IOException("No space left on device"));

        var fault = await Assert.ThrowsAsync<IOException>(() =>
            host.Store.ReadAsync(StorageHost.Uri("x"), ByteRange.Whole, target, Cancellation));

        Assert.Equal((1, "No space left on device"), (target.Writes, fault.Message));
    }

    private static async Task RoundTripAsync(StorageHost host, byte[] bytes)
    {
        var uri = StorageHost.Uri("runs/x");
        var written = await host.Store.WriteBytesAsync(uri, bytes, WriteCondition.IfAbsent, Cancellation);
        Assert.Equal(bytes.Length, (await host.Store.FindAsync(uri, Cancellation))!.Bytes);
        Assert.Equal(bytes, await host.Store.ReadBytesAsync(uri, ByteRange.Whole, Cancellation));
        await foreach (var info in host.Store.ListAsync(StorageHost.Uri("runs"), Cancellation))
        {
            Assert.Equal(written.Generation, info.Generation);
        }

        Assert.True(await host.Store.DeleteAsync(uri, written.Generation, Cancellation));
    }

    private sealed class OnFirstWrite(Func<Task> act) : MemoryStream
    {
        public int Writes { get; private set; }

        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Writes++ == 0)
            {
                await act();
            }

            await base.WriteAsync(buffer, cancellationToken);
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }
}
