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
