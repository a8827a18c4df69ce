namespace Workflows.Artifacts;

/// <summary>Combines the stores of all places: each call goes to the store of its address.</summary>
public sealed class ArtifactStores : IArtifactStore, IDisposable
{
    private readonly FileArtifactStore _files = new();
    private readonly StorageArtifactStore _storage;
    private readonly HubArtifactStore _hub;

    /// <summary>Creates the stores, without any request.</summary>
    /// <param name="storageEmulator">
    /// Address of an emulator of Cloud Storage; null for the variable STORAGE_EMULATOR_HOST, or else Google.
    /// </param>
    /// <param name="hub">Address, token and cache of the Hub; null for those of the environment.</param>
    /// <param name="patience">Time for which an unreachable bucket is retried; default: half a minute.</param>
    public ArtifactStores(Uri? storageEmulator = null, HubSettings? hub = null, TimeSpan patience = default)
    {
        _storage = new StorageArtifactStore(storageEmulator, patience);
        _hub = new HubArtifactStore(hub ?? HubSettings.OfEnvironment());
    }

    /// <summary>Creates the stores with shorter pauses between tries.</summary>
    internal ArtifactStores(Uri? storageEmulator, HubSettings hub, TimeProvider clock, TimeSpan firstPause) =>
        (_storage, _hub) = (
            new StorageArtifactStore(storageEmulator, clock, firstPause),
            new HubArtifactStore(hub, clock, firstPause));

    /// <summary>Resolves an address with a movable revision to the version that it stands for now.</summary>
    /// <param name="uri">An artifact, or the folder above some.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>For the Hub the address at a commit; otherwise the same address.</returns>
    /// <exception cref="ArtifactException">The store does not answer.</exception>
    public Task<ArtifactUri> PinAsync(ArtifactUri uri, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return uri.Scheme == ArtifactScheme.Hub ? _hub.PinAsync(uri, cancellation) : Task.FromResult(uri);
    }

    /// <summary>Returns the location of a bucket.</summary>
    /// <param name="uri">The bucket, or an artifact in it.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>A region or a larger location in lower case, such as <c>us-central1</c> or <c>eu</c>.</returns>
    /// <exception cref="ArtifactException">The bucket does not exist, or this program may not read its
    /// location.</exception>
    public Task<string> LocationOfAsync(ArtifactUri uri, CancellationToken cancellation) =>
        _storage.LocationOfAsync(uri, cancellation);

    /// <inheritdoc />
    public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
        Of(uri).FindAsync(uri, cancellation);

    /// <inheritdoc />
    public IAsyncEnumerable<ArtifactInfo> ListAsync(ArtifactUri folder, CancellationToken cancellation) =>
        Of(folder).ListAsync(folder, cancellation);

    /// <inheritdoc />
    public Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation) =>
        Of(uri).ReadAsync(uri, range, target, cancellation);

    /// <inheritdoc />
    public Task<ArtifactInfo> WriteAsync(
        ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation) =>
        Of(uri).WriteAsync(uri, content, condition, cancellation);

    /// <summary>Copies an artifact from one of these stores to another, in parts of which two are in memory.</summary>
    /// <param name="from">The artifact.</param>
    /// <param name="to">The address of the copy; what is there is replaced.</param>
    /// <param name="report">Receives the bytes read so far, once for each part; null for none.</param>
    /// <param name="cancellation">Cancels the call; there is no copy then.</param>
    /// <returns>The copy, with its SHA-256.</returns>
    /// <exception cref="ArtifactException">It is not there, or was not written.</exception>
    public async Task<ArtifactInfo> CopyAsync(
        ArtifactUri from, ArtifactUri to, Action<long>? report, CancellationToken cancellation)
    {
        var info = await FindAsync(from, cancellation) ?? throw new ArtifactException(
            ArtifactFault.NotFound, $"{from}", "It is not there any more.", "Make it again.");
        using var parts = new ArtifactReadStream(this, from, info.Bytes, report, cancellation);
        return await WriteAsync(to, parts, WriteCondition.None, cancellation);
    }

    /// <inheritdoc />
    public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation) =>
        Of(uri).DeleteAsync(uri, generation, cancellation);

    /// <inheritdoc />
    public void Dispose()
    {
        _storage.Dispose();
        _hub.Dispose();
    }

    private IArtifactStore Of(ArtifactUri uri) => uri.Scheme switch
    {
        ArtifactScheme.File => _files,
        ArtifactScheme.CloudStorage => _storage,
        _ => _hub,
    };
}
