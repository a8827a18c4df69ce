using Workflows.Artifacts;
using Workflows.TestKit;
using Workflows.TpuWorker.Host;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>The order in which checkpoints reach a bucket.</summary>
public sealed class CheckpointUploadsTests : IDisposable
{
    private static readonly ArtifactUri Root = BucketInAFolder.Uri("run/checkpoints");
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Add_OfAStepThatNamesABestOne_BringsTheBestWholeFirst()
    {
        var (best, newest) = (Checkpoint(2, best: null), Checkpoint(4, best: 2));
        var order = new WriteOrder(new BucketInAFolder(_folder["bucket"]));
        var uploads = new CheckpointUploads(order, Root, _folder["local"], keep: 1);

        uploads.Add(newest, 4, Cancellation);
        await uploads.FinishAsync(limit: null);

        Assert.True(Directory.Exists(best));
        Assert.Equal(
            [
                "step-00000002/manifest.json", "step-00000002/weights.safetensors", "step-00000002/artifact.json",
                "step-00000004/manifest.json", "step-00000004/weights.safetensors", "step-00000004/artifact.json",
            ],
            order.Names);
        Assert.Equal(4, uploads.Step);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public async Task Add_WhoseMachineIsLostAfterTheBest_LeavesNoStepThatNamesAMissingOne(int writes)
    {
        Checkpoint(2, best: null);
        var newest = Checkpoint(4, best: 2);
        var uploads = new CheckpointUploads(
            new BucketInAFolder(_folder["bucket"], writes), Root, _folder["local"], keep: 1);

        uploads.Add(newest, 4, Cancellation);
        await Assert.ThrowsAsync<ArtifactException>(() => uploads.FinishAsync(limit: null));

        var steps = await new ArtifactTree(new BucketInAFolder(_folder["bucket"])).ListAsync(Root, Cancellation);
        Assert.Equal([Root.Child("step-00000002")], steps);

        // And another machine goes on from the one that is whole.
        var other = new CheckpointUploads(
            new BucketInAFolder(_folder["bucket"]), Root, _folder["other"], keep: 1);
        await other.RestoreAsync(Cancellation);
        Assert.Equal(2, other.Step);
    }

    [Fact]
    public async Task Add_OfALaterStep_KeepsTheBestBesideTheNewest()
    {
        Checkpoint(2, best: null);
        var uploads = new CheckpointUploads(
            new BucketInAFolder(_folder["bucket"]), Root, _folder["local"], keep: 1);
        foreach (var step in new[] { 2, 4, 6 })
        {
            uploads.Add(step == 2 ? _folder["local/step-00000002"] : Checkpoint(step, best: 2), step, Cancellation);
            await uploads.FinishAsync(limit: null);
        }

        Assert.Equal(
            [Root.Child("step-00000002"), Root.Child("step-00000006")],
            await new ArtifactTree(new BucketInAFolder(_folder["bucket"])).ListAsync(Root, Cancellation));
    }

    private string Checkpoint(int step, int? best)
    {
        var folder = Directory.CreateDirectory(_folder[$"local/step-{step:D8}"]).FullName;
        File.WriteAllText(
            Path.Combine(folder, "manifest.json"),
            best is null ? "{}" : $"{{\"bestScore\": {{\"step\": {best}, \"score\": 1}}}}");
        File.WriteAllBytes(Path.Combine(folder, "weights.safetensors"), [(byte)step]);
        return folder;
    }

    /// <summary>Notes the names of what is written, in order.</summary>
    private sealed class WriteOrder(IArtifactStore inner) : IArtifactStore
    {
        public List<string> Names { get; } = [];

        public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
            inner.FindAsync(uri, cancellation);

        public IAsyncEnumerable<ArtifactInfo> ListAsync(ArtifactUri folder, CancellationToken cancellation) =>
            inner.ListAsync(folder, cancellation);

        public Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation) =>
            inner.ReadAsync(uri, range, target, cancellation);

        public async Task<ArtifactInfo> WriteAsync(
            ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation)
        {
            var info = await inner.WriteAsync(uri, content, condition, cancellation);
            Names.Add(uri.RelativeTo(Root)!);
            return info;
        }

        public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation) =>
            inner.DeleteAsync(uri, generation, cancellation);
    }
}
