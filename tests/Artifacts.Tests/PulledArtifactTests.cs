namespace Workflows.Artifacts.Tests;

/// <summary>An artifact that changes, or proves to be damaged, while a reader takes it.</summary>
public sealed class PulledArtifactTests
{
    private const int Size = 3 << 20;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The length is right, so only the missing end tells the reader.</summary>
    [Theory]
    [InlineData(Size, true)]
    [InlineData(Size - 1, false)]
    [InlineData(Size + 1, false)]
    [InlineData(2 * Size, false)]
    public async Task ReadAsync_OfBytesThatAreNotThoseOfTheStore_DoesNotReachTheEnd(int written, bool failsAtTheEnd)
    {
        var store = new ChangingStore(written, failsAtTheEnd);
        await using var stream = await store.OpenReadAsync(Uri, Size, Cancellation);
        var buffer = new byte[1 << 16];
        var count = 0L;

        var fault = await Assert.ThrowsAsync<ArtifactException>(async () =>
        {
            while (await stream.ReadAsync(buffer, Cancellation) is > 0 and var more)
            {
                count += more;
            }
        });

        Assert.Equal("ARTIFACT_DAMAGED", fault.ErrorCode);
        Assert.InRange(count, 1, Size - 1);
    }

    [Fact]
    public async Task Dispose_BeforeTheEnd_StopsTheStore()
    {
        var store = new ChangingStore(Size, false);
        var stream = await store.OpenReadAsync(Uri, Size, Cancellation);
        Assert.Equal(10, await stream.ReadAsync(new byte[10], Cancellation));
        Assert.False(store.Ended.Task.IsCompleted);

        await stream.DisposeAsync();
        await stream.DisposeAsync();

        await store.Ended.Task.WaitAsync(TimeSpan.FromMinutes(2), Cancellation);
        Assert.InRange(store.Written, 1, Size - 1);
    }

    [Fact]
    public async Task OpenReadAsync_OfWhatNobodyReads_ReadsNothing()
    {
        var store = new ChangingStore(Size, false);
        await using (await store.OpenReadAsync(Uri, Size, Cancellation))
        {
            Assert.Equal(0, store.Written);
        }

        Assert.False(store.Ended.Task.IsCompleted);
    }

    private static ArtifactUri Uri => ArtifactUri.TryParse("gs://bucket/object", out _)!;

    private sealed class ChangingStore(int written, bool failsAtTheEnd) : IArtifactStore
    {
        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Written { get; private set; }

        public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
            Task.FromResult<ArtifactInfo?>(new ArtifactInfo(uri, Size, 1));

        public async Task ReadAsync(
            ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation)
        {
            try
            {
                Assert.True(range.IsWhole);
                for (var left = written; left > 0; left -= 1 << 16)
                {
                    await target.WriteAsync(new byte[Math.Min(left, 1 << 16)], cancellation);
                    Written += Math.Min(left, 1 << 16);
                }

                if (failsAtTheEnd)
                {
                    throw new ArtifactException(ArtifactFault.Damaged, $"{uri}", "Another hash.", "Write it again.");
                }
            }
            finally
            {
                Ended.SetResult();
            }
        }

        public IAsyncEnumerable<ArtifactInfo> ListAsync(ArtifactUri folder, CancellationToken cancellation) =>
            throw new NotSupportedException();

        public Task<ArtifactInfo> WriteAsync(
            ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation) =>
            throw new NotSupportedException();

        public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation) =>
            throw new NotSupportedException();
    }
}
