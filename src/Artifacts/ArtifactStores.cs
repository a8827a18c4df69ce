namespace Workflows.Artifacts;

/// <summary>All places in one: each call goes to the store of its address.</summary>
public sealed class ArtifactStores : IArtifactStore, IDisposable
{
    private readonly FileArtifactStore _files = new();
    private readonly StorageArtifactStore _storage;
    private readonly HubArtifactStore _hub;

    /// <summary>Creates the stores; nothing is asked for yet.</summary>
    /// <param name="storageEmulator">
    /// Address of an emulator of Cloud Storage; null: the variable STORAGE_EMULATOR_HOST, else Google.
    /// </param>
    /// <param name="hub">Where and as whom to read the Hub; null: by the environment.</param>
    /// <param name="patience">How long a bucket that is out of reach is tried; default: half a minute.</param>
    public ArtifactStores(Uri? storageEmulator = null, HubSettings? hub = null, TimeSpan patience = default)
    {
        _storage = new StorageArtifactStore(storageEmulator, patience);
        _hub = new HubArtifactStore(hub ?? HubSettings.OfEnvironment());
    }

    /// <summary>The same with shorter pauses between tries.</summary>
    internal ArtifactStores(Uri? storageEmulator, HubSettings hub, TimeProvider clock, TimeSpan firstPause) =>
        (_storage, _hub) = (
            new StorageArtifactStore(storageEmulator, clock, firstPause),
            new HubArtifactStore(hub, clock, firstPause));

    /// <summary>Asks for the version that an address stands for now, where it names one that may move.</summary>
    /// <param name="uri">An artifact, or the folder above some.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>On the Hub the same at a commit; elsewhere the same.</returns>
    /// <exception cref="ArtifactException">The store cannot tell.</exception>
    public Task<ArtifactUri> PinAsync(ArtifactUri uri, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return uri.Scheme == ArtifactScheme.Hub ? _hub.PinAsync(uri, cancellation) : Task.FromResult(uri);
    }

    /// <summary>Tells where a bucket is.</summary>
    /// <param name="uri">The bucket, or an artifact in it.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>A region or a larger place in lower case, such as <c>us-central1</c> or <c>eu</c>.</returns>
    /// <exception cref="ArtifactException">There is no such bucket, or this program may not know.</exception>
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
