using System.Text.Json;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;

namespace Workflows.Service.Files;

/// <summary>
/// Keeps the uploaded files of several services: contents below <c>files/</c> of <c>Workflows:Artifacts</c>, and their
/// names, sizes and uses in one document of the store. The document counts a content before it is brought, and names it
/// once it is there; a content that nothing names is deleted: each hour, and under a lock that uploads take, too.
/// </summary>
internal sealed partial class SharedFiles : BackgroundService, IFileStore
{
    private const string Document = "files/index.json", Alone = "files";

    /// <summary>Time after which a use by a run that the ledger does not know counts for nothing: its start was
    /// interrupted.</summary>
    private static readonly TimeSpan Interrupted = TimeSpan.FromDays(1);

    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    private readonly RunLedger _ledger;
    private readonly ArtifactStores _store;
    private readonly ArtifactUri? _root;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly string _incoming;
    private readonly long _mostOfFile;

    public SharedFiles(
        ServiceSettings settings, RunLedger ledger, RunArtifacts artifacts, TimeProvider clock,
        ILogger<SharedFiles> logger)
    {
        (_ledger, _clock, _logger) = (ledger, clock, logger);
        (_store, _root) = (artifacts.StoreOf(isRehearsal: false), artifacts.Setting?.Child("files"));
        _incoming = Path.Combine(Path.GetFullPath(settings.StateDirectory), "files", "incoming");
        _mostOfFile = (long)(settings.Uploads.FileGibibytes * ServiceSettings.Gibibyte);
        MostBytes = (long)(settings.Uploads.AllGibibytes * ServiceSettings.Gibibyte);

        // Uploads of an earlier process, of which nothing was acknowledged.
        if (Directory.Exists(_incoming))
        {
            Directory.Delete(_incoming, recursive: true);
        }
    }

    public string? Refusal => _root is not null ? null
        : "Several services share their runs here, and an uploaded file would be on one of them. Set "
            + "Workflows:Artifacts to a bucket, or put the file into one and name its gs:// address in the request.";

    public bool IsOfRealCloud => _root?.Scheme == ArtifactScheme.CloudStorage;

    public long MostBytes { get; }

    public long Bytes => Read().Sizes.Values.Sum();

    public string Contents => _root?.ToText() ?? "";

    public IReadOnlyList<UploadedFile> All() => [.. Read().Files.Values];

    public UploadedFile? Find(string name) => Read().Files.GetValueOrDefault(name);

    public string PathOf(UploadedFile file) => AddressOf(KeyOf(file)).ToText();

    public IReadOnlyDictionary<UploadedFile, IReadOnlyList<string>> UsesOf(IReadOnlyCollection<UploadedFile> files)
    {
        var uses = Read().Uses;
        return files.ToDictionary(file => file, file => (IReadOnlyList<string>)
            [.. uses.GetValueOrDefault(KeyOf(file), []).Keys.Order(StringComparer.Ordinal)]);
    }

    public Task<Stream> OpenAsync(UploadedFile file, CancellationToken cancellation) =>
        _store.OpenReadAsync(AddressOf(KeyOf(file)), file.Bytes, cancellation);

    public async Task<(UploadedFile File, bool IsNew)> PutAsync(
        string name, Stream body, long? length, string? sha256, bool onlyNew, string by,
        CancellationToken cancellation)
    {
        if (Math.Max(length ?? 0, 0) > _mostOfFile)
        {
            throw IncomingFile.TooLarge(_mostOfFile);
        }

        var path = Path.Combine(_incoming, Guid.NewGuid().ToString("N"));
        try
        {
            var known = Bytes;
            RequireRoom(known, length ?? 0);
            var (hash, bytes) = await IncomingFile.WriteAsync(
                path, body, _mostOfFile, count => RequireRoom(known, count), cancellation);
            if (sha256 is not null && sha256 != hash)
            {
                throw IncomingFile.Damaged(hash, sha256);
            }

            var file = new UploadedFile(name, bytes, hash, _clock.GetUtcNow(), by);
            if (Read().Files.GetValueOrDefault(name) is { } same && same.Sha256 == hash)
            {
                return (same, false);
            }

            Reserve(file, onlyNew);

            // Most of the time of an upload, so outside of the lock.
            await BringAsync(file, path, cancellation);
            using var alone = await _ledger.State.AloneAsync(Alone, cancellation);
            await BringAsync(file, path, cancellation);
            return Commit(file, onlyNew);
        }
        finally
        {
            if (File.Exists(path))
            {
                File.Delete(path);
            }
        }
    }

    public bool Delete(string name)
    {
        var isThere = false;
        Change(index =>
        {
            isThere = index.Files.Remove(name);
            return isThere;
        });
        return isThere;
    }

    public bool? Use(string path, RunId runId)
    {
        bool? isNew = null;
        Change(index =>
        {
            var key = KeyOf(path);
            isNew = index.Sizes.ContainsKey(key)
                ? !index.Uses.GetValueOrDefault(key, []).ContainsKey(runId.Value) : null;
            if (isNew == true)
            {
                index.Uses[key] = new(index.Uses.GetValueOrDefault(key, []), StringComparer.Ordinal)
                {
                    [runId.Value] = _clock.GetUtcNow(),
                };
            }

            return isNew == true;
        });
        return isNew;
    }

    public void Release(string path, RunId runId) => Change(
        index => index.Uses.GetValueOrDefault(KeyOf(path), []).Remove(runId.Value));

    public void Release(RunId runId) => Change(
        index => index.Uses.Values.Where(uses => uses.Remove(runId.Value)).ToList() is [_, ..]);

    /// <summary>Deletes the contents that no file has and no run uses.</summary>
    /// <param name="cancellation">Cancels the deletions.</param>
    /// <returns>Their number.</returns>
    public async Task<int> CollectAsync(CancellationToken cancellation)
    {
        using var alone = await _ledger.State.AloneAsync(Alone, cancellation);
        var orphans = new Dictionary<string, long>(StringComparer.Ordinal);
        Change(index =>
        {
            var named = index.Files.Values.Select(KeyOf).ToHashSet(StringComparer.Ordinal);
            orphans = index.Sizes.Where(each => !named.Contains(each.Key) && !IsUsed(index, each.Key))
                .ToDictionary(each => each.Key, each => each.Value, StringComparer.Ordinal);
            foreach (var key in orphans.Keys)
            {
                index.Sizes.Remove(key);
                index.Uses.Remove(key);
            }

            return orphans.Count > 0;
        });
        foreach (var (key, bytes) in orphans)
        {
            try
            {
                await _store.DeleteAsync(AddressOf(key), null, cancellation);
            }
            catch (ArtifactException exception)
            {
                // Counted again, and deleted at a later look.
                Log.NotDeleted(_logger, key, exception.Message);
                Change(index => index.Sizes.TryAdd(key, bytes));
            }
        }

        return orphans.Count;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await CollectAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                Log.NotCollected(_logger, exception.Message);
            }

            await Task.Delay(Every, _clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task BringAsync(UploadedFile file, string path, CancellationToken cancellation)
    {
        var address = AddressOf(KeyOf(file));
        try
        {
            if (await _store.FindAsync(address, cancellation) is not { } there || there.Bytes != file.Bytes)
            {
                await using var content = new FileStream(path, FileMode.Open, FileAccess.Read);
                await _store.WriteAsync(address, content, WriteCondition.None, cancellation);
            }
        }
        catch (ArtifactException exception)
        {
            throw new FileRefusedException(
                StatusCodes.Status503ServiceUnavailable, "FILES_UNAVAILABLE",
                $"The file cannot be brought to {address.ToText()}: {exception.Message} Nothing of it is kept; try "
                + "again.");
        }
    }

    /// <summary>Counts a content before it is there: one whose upload breaks off, or that gets no name, is found and
    /// deleted like one that has lost its name.</summary>
    private void Reserve(UploadedFile file, bool onlyNew) => Change(index =>
    {
        Require(index, file, onlyNew);
        return index.Sizes.TryAdd(KeyOf(file), file.Bytes);
    });

    private (UploadedFile File, bool IsNew) Commit(UploadedFile file, bool onlyNew)
    {
        UploadedFile? before = null;
        Change(index =>
        {
            Require(index, file, onlyNew);
            before = index.Files.GetValueOrDefault(file.Name);
            if (before?.Sha256 == file.Sha256)
            {
                return false;
            }

            index.Files[file.Name] = file;
            index.Sizes[KeyOf(file)] = file.Bytes;
            return true;
        });
        return before?.Sha256 == file.Sha256 ? (before, false) : (file, before is null);
    }

    private void Require(Index index, UploadedFile file, bool onlyNew)
    {
        var before = index.Files.GetValueOrDefault(file.Name);
        if (before?.Sha256 == file.Sha256)
        {
            return;
        }

        if (before is not null && onlyNew)
        {
            throw IncomingFile.Exists(file.Name);
        }

        if (before is null && index.Files.Count >= FileStore.MostFiles)
        {
            throw IncomingFile.TooMany();
        }

        RequireRoom(
            index.Sizes.Values.Sum(), index.Sizes.ContainsKey(KeyOf(file)) ? 0 : file.Bytes);
    }

    private void RequireRoom(long bytes, long more)
    {
        if (bytes + more > MostBytes)
        {
            throw IncomingFile.Full(MostBytes);
        }
    }

    private bool IsUsed(Index index, string key) => index.Uses.GetValueOrDefault(key, []).Any(use =>
        _clock.GetUtcNow() - use.Value <= Interrupted || _ledger.Knows(new RunId(use.Key)));

    private ArtifactUri AddressOf(string key) => _root!.Child(key);

    private string KeyOf(string path) => path[(Contents.Length + 1)..];

    private static string KeyOf(UploadedFile file) => $"{file.Sha256}/{file.Name}";

    private Index Read() => Of(_ledger.State.Read(Document));

    private void Change(Func<Index, bool> change) => _ledger.State.Change(Document, content =>
    {
        var index = Of(content);
        return change(index) ? JsonSerializer.SerializeToUtf8Bytes(index, RunLedger.Json) : null;
    });

    private static Index Of(byte[]? content) => content is null
        ? new Index([], [], []) : JsonSerializer.Deserialize<Index>(content, RunLedger.Json)!;

    /// <summary>The content of the document.</summary>
    /// <param name="Files">The files by name.</param>
    /// <param name="Sizes">Bytes of each content, by HASH/NAME.</param>
    /// <param name="Uses">Runs that use each content, with the time of each.</param>
    private sealed record Index(
        SortedDictionary<string, UploadedFile> Files, Dictionary<string, long> Sizes,
        Dictionary<string, Dictionary<string, DateTimeOffset>> Uses);

    private static partial class Log
    {
        [LoggerMessage(4611, LogLevel.Warning,
            "The content '{Key}' of an uploaded file cannot be deleted, and is tried again each hour: {Reason}")]
        public static partial void NotDeleted(ILogger logger, string key, string reason);

        [LoggerMessage(4612, LogLevel.Warning,
            "Contents of uploaded files that nobody needs cannot be deleted now: {Reason}")]
        public static partial void NotCollected(ILogger logger, string reason);
    }
}
