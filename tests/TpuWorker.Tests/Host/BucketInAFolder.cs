using System.Runtime.CompilerServices;
using Workflows.Artifacts;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>
/// A bucket whose objects are files of a folder, and which goes away for good after so many writes, as for a machine
/// that is lost.
/// </summary>
internal sealed class BucketInAFolder(string folder, int mostWrites = int.MaxValue) : IArtifactStore
{
    private readonly FileArtifactStore _files = new();
    private int _writes;

    public static ArtifactUri Uri(string name) => ArtifactUri.Parse($"gs://test-bucket/{name}");

    public async Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
        await _files.FindAsync(Here(uri), cancellation) is { } info ? info with { Uri = uri } : null;

    public async IAsyncEnumerable<ArtifactInfo> ListAsync(
        ArtifactUri uri, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var info in _files.ListAsync(Here(uri), cancellation))
        {
            yield return info with { Uri = uri.Child(info.Uri.RelativeTo(Here(uri))!) };
        }
    }

    public Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation) =>
        _files.ReadAsync(Here(uri), range, target, cancellation);

    public Task<ArtifactInfo> WriteAsync(
        ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation)
    {
        Use(uri);
        return _files.WriteAsync(Here(uri), content, condition, cancellation);
    }

    public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation)
    {
        Use(uri);
        return _files.DeleteAsync(Here(uri), generation, cancellation);
    }

    private void Use(ArtifactUri uri)
    {
        if (Interlocked.Increment(ref _writes) > mostWrites)
        {
            throw new ArtifactException(ArtifactFault.Unavailable, $"{uri}", "The network is gone.", "Wait.");
        }
    }

    private ArtifactUri Here(ArtifactUri uri)
    {
        Assert.Equal(ArtifactScheme.CloudStorage, uri.Scheme);
        return ArtifactUri.OfFile(Path.Combine(folder, uri.Container, uri.Path));
    }
}
