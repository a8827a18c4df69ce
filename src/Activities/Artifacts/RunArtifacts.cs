using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Artifacts;

/// <summary>
/// Chooses the place of each run's artifacts: for a rehearsal the emulated cloud's own bucket or a folder, for a run
/// that pays the bucket of the settings. Files that only the service needs stay in the run's folder.
/// </summary>
public sealed class RunArtifacts
{
    private readonly RunLedger _ledger;
    private readonly ArtifactUri? _setting;
    private readonly StorageArtifactStore? _emulator;
    private readonly ArtifactStores _real, _emulated;

    /// <summary>Initializes the places.</summary>
    /// <param name="ledger">Resolves the folders of runs.</param>
    /// <param name="setting">The setting <c>Workflows:Artifacts</c>; null if it is not set.</param>
    /// <param name="storageEmulator">Address of the emulated cloud's buckets; if null, rehearsals use folders.</param>
    /// <param name="stores">
    /// Creates the stores for the address of an emulator, or for the real cloud; null for those of the environment.
    /// </param>
    /// <exception cref="ArtifactException">The setting is no address, or is one of the Hub.</exception>
    public RunArtifacts(
        RunLedger ledger, string? setting = null, Uri? storageEmulator = null,
        Func<Uri?, ArtifactStores>? stores = null)
    {
        stores ??= emulator => new ArtifactStores(emulator);
        (_ledger, _setting) = (ledger, setting is null ? null : ArtifactUri.Parse(setting));
        if (_setting?.Scheme == ArtifactScheme.Hub)
        {
            throw new ArtifactException(
                ArtifactFault.Address, setting!, "The Hub is only read from.", "Give a folder or gs://BUCKET/PREFIX.");
        }

        _real = stores(null);
        _emulator = storageEmulator is null ? null : new StorageArtifactStore(storageEmulator);
        _emulated = storageEmulator is null ? _real : stores(storageEmulator);
    }

    /// <summary>Gets the setting <c>Workflows:Artifacts</c>; null if it is not set.</summary>
    public ArtifactUri? Setting => _setting;

    /// <summary>Returns the stores that read and write a run's artifacts.</summary>
    /// <param name="spec">The run.</param>
    /// <returns>The stores.</returns>
    public ArtifactStores StoreOf(RunSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return StoreOf(spec.IsRehearsal);
    }

    /// <summary>Returns the stores of runs that pay, or of rehearsals.</summary>
    /// <param name="isRehearsal">true for rehearsals.</param>
    /// <returns>The stores.</returns>
    public ArtifactStores StoreOf(bool isRehearsal) => isRehearsal ? _emulated : _real;

    /// <summary>Returns the root of a run's artifacts.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="data">The prepared corpus, which has the address; null if the run has none.</param>
    /// <returns>The root.</returns>
    public ArtifactUri RootOf(RunSpec spec, PreparedData? data) => data?.ArtifactsUri is { } uri
        ? ArtifactUri.Parse(uri)
        : ArtifactUri.OfFile(_ledger.DirectoryOf(spec.RunId));

    /// <summary>Chooses the root of a run's artifacts, and creates the emulated bucket.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The root of the run's artifacts, and that of all models.</returns>
    /// <exception cref="RunFaultException">The run pays, and no bucket that its worker could reach is set.</exception>
    public async Task<(ArtifactUri Run, ArtifactUri Models)> ChooseAsync(
        RunSpec spec, CancellationToken cancellation)
    {
        var run = $"runs/{spec.RunId}";
        if (!spec.IsRehearsal)
        {
            return _setting is { Scheme: ArtifactScheme.CloudStorage } bucket
                ? (bucket.Child(run), bucket.Child("models"))
                : throw new RunFaultException(
                    "ARTIFACTS_NOT_SHARED",
                    $"Workflows:Artifacts is '{_setting?.ToText() ?? ""}', where no TPU VM can read or write.",
                    "Set it to gs://BUCKET/PREFIX, a bucket that the service and the VM's account may write.");
        }

        if (_setting is { Scheme: ArtifactScheme.File } folder)
        {
            return (folder.Child(run), folder.Child("models"));
        }

        if (_emulator is null)
        {
            var own = ArtifactUri.OfFile(_ledger.DirectoryOf(spec.RunId));
            return (own, own.Child("models"));
        }

        // A rehearsal never touches the real cloud, even if a bucket is set. A run id may end with a dash, but a bucket
        // name may not.
        var name = $"{spec.Project}-artifacts";
        await _emulator.CreateBucketAsync(name, spec.Project, cancellation);
        var root = ArtifactUri.Parse($"gs://{name}");
        return (root.Child(run), root.Child("models"));
    }

    /// <summary>Copies a model, once, to where the run's worker reads it, under a name made of its content.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="models">The root of all models.</param>
    /// <param name="source">The model.</param>
    /// <param name="report">Receives the progress; null for none.</param>
    /// <param name="cancellation">Cancels the call; the next call continues with the files that are missing.</param>
    /// <returns>The address of the copy, and whether it existed already.</returns>
    /// <exception cref="ArtifactException">The model could not be copied.</exception>
    public async Task<(ArtifactUri Tree, bool WasThere)> BringModelAsync(
        RunSpec spec, ArtifactUri models, ModelSource source, Action<TreeProgress>? report,
        CancellationToken cancellation)
    {
        if (source.IsLocal && models.Scheme == ArtifactScheme.File)
        {
            return (source.Address, true);
        }

        var (store, known) = (StoreOf(spec), await HashesAsync(spec, source, cancellation));
        var files = source.Files.Select(file => new TreeSource(
            file.Uri.RelativeTo(source.Address)!, file.Uri, file.Bytes,
            file.Sha256 ?? known.GetValueOrDefault(file.Uri.RelativeTo(source.Address)!)));
        return await new ArtifactTree(store).BringAsync(models, store, [.. files], report, cancellation);
    }

    /// <summary>Reads the SHA-256 hashes from the manifest of a tree that this product wrote.</summary>
    private async Task<IReadOnlyDictionary<string, string>> HashesAsync(
        RunSpec spec, ModelSource source, CancellationToken cancellation)
    {
        var manifest = source.Address.Scheme == ArtifactScheme.CloudStorage
            ? await new ArtifactTree(StoreOf(spec)).FindAsync(source.Address, cancellation)
            : null;
        return manifest?.Files.ToDictionary(file => file.Key, file => file.Value.Sha256, StringComparer.Ordinal)
            ?? [];
    }

    /// <summary>Calls a store; an error that no retry can fix becomes a fault of the run.</summary>
    /// <typeparam name="T">The result of the call.</typeparam>
    /// <param name="call">The call.</param>
    /// <param name="field">The field of the request that the call is about; null for none.</param>
    /// <param name="endsOutages">true if a store that stays unreachable ends the run too.</param>
    /// <returns>The result of the call.</returns>
    /// <exception cref="RunFaultException">The store refuses permanently.</exception>
    /// <exception cref="RunOutageException">The store is unreachable; another try may succeed.</exception>
    public static async Task<T> GuardAsync<T>(Func<Task<T>> call, string? field = null, bool endsOutages = false)
    {
        try
        {
            return await call();
        }
        catch (ArtifactException exception)
        {
            var message = $"{(field is null ? "" : $"{field}: ")}{exception.Address}: {exception.Problem}";
            throw !endsOutages && exception.Fault is (ArtifactFault.Unavailable or ArtifactFault.RateLimited)
                ? new RunOutageException(exception.ErrorCode, message, exception.Fix)
                : new RunFaultException(exception.ErrorCode, message, exception.Fix);
        }
    }
}
