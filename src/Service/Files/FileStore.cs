using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;

namespace Workflows.Service.Files;

/// <summary>
/// Keeps uploaded files below <c>files/</c> of the state folder (ADR 0026). <b>Invariant:</b> a content never changes,
/// is named by its hash, and is deleted only when no file has it and no run uses it.
/// </summary>
internal sealed partial class FileStore : IFileStore
{
    /// <summary>Most files.</summary>
    public const int MostFiles = 1000;

    /// <summary>Time after which a use by a run that the ledger does not know counts for nothing: its start was
    /// interrupted.</summary>
    private static readonly TimeSpan Interrupted = TimeSpan.FromDays(1);

    private readonly Lock _lock = new();
    private readonly string _root;
    private readonly RunLedger _ledger;
    private readonly TimeProvider _clock;
    private readonly long _mostOfFile;
    private readonly SortedDictionary<string, UploadedFile> _files = new(StringComparer.Ordinal);
    private long _bytes;

    public FileStore(ServiceSettings settings, RunLedger ledger, TimeProvider clock, ILogger<FileStore> logger)
    {
        _root = Path.Combine(Path.GetFullPath(settings.StateDirectory), "files");
        (_ledger, _clock) = (ledger, clock);
        _mostOfFile = (long)(settings.Uploads.FileGibibytes * ServiceSettings.Gibibyte);
        MostBytes = (long)(settings.Uploads.AllGibibytes * ServiceSettings.Gibibyte);
        if (!Directory.Exists(_root))
        {
            return;
        }

        // Uploads of an earlier process, of which nothing was acknowledged.
        if (Directory.Exists(Incoming))
        {
            Directory.Delete(Incoming, recursive: true);
        }

        foreach (var path in Enumerate(Names, "*.json"))
        {
            if (Read(path) is { } file)
            {
                _files[file.Name] = file;
            }
            else
            {
                Log.Damaged(logger, path);
            }
        }

        _bytes = Enumerate(Contents, "*", SearchOption.AllDirectories).Sum(path => new FileInfo(path).Length);
        CollectAll();
    }

    /// <inheritdoc />
    public string? Refusal => null;

    /// <inheritdoc />
    public bool IsOfRealCloud => false;

    /// <summary>Gets the most bytes of all contents.</summary>
    public long MostBytes { get; }

    /// <summary>Gets the bytes of all contents.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Gets the folder of the contents: HASH/NAME.</summary>
    public string Contents => Path.Combine(_root, "content");

    private string Incoming => Path.Combine(_root, "incoming");

    private string Names => Path.Combine(_root, "names");

    private string Uses => Path.Combine(_root, "used");

    /// <summary>Lists the files by name.</summary>
    public IReadOnlyList<UploadedFile> All()
    {
        lock (_lock)
        {
            return [.. _files.Values];
        }
    }

    /// <summary>Finds a file; null if there is none.</summary>
    public UploadedFile? Find(string name)
    {
        lock (_lock)
        {
            return _files.GetValueOrDefault(name);
        }
    }

    /// <summary>Returns the path of a file's content.</summary>
    public string PathOf(UploadedFile file) => Path.Combine(Contents, file.Sha256, file.Name);

    /// <inheritdoc />
    public IReadOnlyDictionary<UploadedFile, IReadOnlyList<string>> UsesOf(IReadOnlyCollection<UploadedFile> files) =>
        files.ToDictionary(file => file, file => (IReadOnlyList<string>)
        [
            .. Enumerate(Path.Combine(Uses, file.Sha256, file.Name), "*").Select(path => Path.GetFileName(path)!)
                .Order(),
        ]);

    /// <inheritdoc />
    public Task<Stream> OpenAsync(UploadedFile file, CancellationToken cancellation) => Task.FromResult<Stream>(
        new FileStream(
            PathOf(file), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 81920,
            FileOptions.Asynchronous));

    /// <inheritdoc />
    public async Task<(UploadedFile File, bool IsNew)> PutAsync(
        string name, Stream body, long? length, string? sha256, bool onlyNew, string by,
        CancellationToken cancellation)
    {
        if (length > _mostOfFile)
        {
            throw IncomingFile.TooLarge(_mostOfFile);
        }

        var path = Path.Combine(Incoming, Guid.NewGuid().ToString("N"));
        long reserved = 0;
        try
        {
            Reserve(ref reserved, length ?? 0);
            var (hash, bytes) = await IncomingFile.WriteAsync(
                path, body, _mostOfFile, count => Reserve(ref reserved, count), cancellation);
            if (sha256 is not null && sha256 != hash)
            {
                throw IncomingFile.Damaged(hash, sha256);
            }

            lock (_lock)
            {
                return Commit(path, new UploadedFile(name, bytes, hash, _clock.GetUtcNow(), by), onlyNew);
            }
        }
        finally
        {
            Interlocked.Add(ref _bytes, -reserved);
            if (File.Exists(path))
            {
                File.Delete(path);
            }
        }
    }

    /// <summary>Deletes a file; its content stays while runs use it.</summary>
    /// <returns>false if there is none.</returns>
    public bool Delete(string name)
    {
        lock (_lock)
        {
            if (!_files.Remove(name, out var file))
            {
                return false;
            }

            File.Delete(NamePath(name));
            Collect(file.Sha256, file.Name);
            return true;
        }
    }

    /// <summary>Writes down that a run uses a content, which stays until <see cref="Release(RunId)"/>.</summary>
    /// <param name="path">A path below <see cref="Contents"/>.</param>
    /// <param name="runId">The run.</param>
    /// <returns>true if that is new, false if it was known; null if the content is not there any more.</returns>
    public bool? Use(string path, RunId runId)
    {
        lock (_lock)
        {
            if (!File.Exists(path))
            {
                return null;
            }

            var use = Path.Combine(Uses, Path.GetRelativePath(Contents, path), runId.Value);
            var isNew = !File.Exists(use);
            Directory.CreateDirectory(Path.GetDirectoryName(use)!);
            File.WriteAllBytes(use, []);
            return isNew;
        }
    }

    /// <summary>Ends the use of one content by a run that was not started.</summary>
    /// <param name="path">A path below <see cref="Contents"/>.</param>
    /// <param name="runId">The run.</param>
    public void Release(string path, RunId runId)
    {
        lock (_lock)
        {
            var content = Path.GetRelativePath(Contents, path);
            if (File.Exists(Path.Combine(Uses, content, runId.Value)))
            {
                File.Delete(Path.Combine(Uses, content, runId.Value));
                Collect(Path.GetDirectoryName(content)!, Path.GetFileName(content));
            }
        }
    }

    /// <summary>Ends the use of all contents by a run that is purged.</summary>
    public void Release(RunId runId)
    {
        lock (_lock)
        {
            foreach (var use in Enumerate(Uses, runId.Value, SearchOption.AllDirectories).ToList())
            {
                File.Delete(use);
                var content = Path.GetRelativePath(Uses, Path.GetDirectoryName(use)!);
                Collect(Path.GetDirectoryName(content)!, Path.GetFileName(content));
            }
        }
    }

    private (UploadedFile File, bool IsNew) Commit(string path, UploadedFile file, bool onlyNew)
    {
        var before = _files.GetValueOrDefault(file.Name);
        if (before is not null && before.Sha256 == file.Sha256)
        {
            return (before, false);
        }

        if (before is not null && onlyNew)
        {
            throw IncomingFile.Exists(file.Name);
        }

        if (before is null && _files.Count >= MostFiles)
        {
            throw IncomingFile.TooMany();
        }

        try
        {
            var content = PathOf(file);
            Directory.CreateDirectory(Path.GetDirectoryName(content)!);
            if (!File.Exists(content))
            {
                File.Move(path, content);
                Interlocked.Add(ref _bytes, file.Bytes);
            }

            Directory.CreateDirectory(Names);
            var aside = NamePath(file.Name) + ".new";
            using (var stream = new FileStream(aside, FileMode.Create, FileAccess.Write))
            {
                JsonSerializer.Serialize(stream, file, RunLedger.Json);
                stream.Flush(flushToDisk: true);
            }

            File.Move(aside, NamePath(file.Name), overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Collect(file.Sha256, file.Name);
            throw IncomingFile.NoRoom(exception);
        }

        _files[file.Name] = file;
        if (before is not null)
        {
            Collect(before.Sha256, before.Name);
        }

        return (file, before is null);
    }

    /// <summary>Reserves room for an upload up to some bytes; of two at once, both must fit.</summary>
    private void Reserve(ref long reserved, long bytes)
    {
        if (bytes <= reserved)
        {
            return;
        }

        var more = bytes - reserved;
        reserved = bytes;
        if (Interlocked.Add(ref _bytes, more) > MostBytes)
        {
            throw IncomingFile.Full(MostBytes);
        }
    }

    /// <summary>Deletes the contents that nobody needs: a service may have ended between a change and its
    /// collection.</summary>
    private void CollectAll()
    {
        foreach (var path in Enumerate(Contents, "*", SearchOption.AllDirectories).ToList())
        {
            Collect(Path.GetFileName(Path.GetDirectoryName(path)!), Path.GetFileName(path));
        }
    }

    /// <summary>Deletes a content that no file has and no run uses.</summary>
    private void Collect(string hash, string name)
    {
        if (_files.TryGetValue(name, out var file) && file.Sha256 == hash)
        {
            return;
        }

        var uses = Path.Combine(Uses, hash, name);
        foreach (var use in Enumerate(uses, "*").ToList())
        {
            if (RunId.TryParse(Path.GetFileName(use), out var run) && !_ledger.Knows(run)
                && _clock.GetUtcNow().UtcDateTime - File.GetLastWriteTimeUtc(use) > Interrupted)
            {
                File.Delete(use);
            }
            else
            {
                return;
            }
        }

        var content = new FileInfo(Path.Combine(Contents, hash, name));
        if (content.Exists)
        {
            var bytes = content.Length;
            content.Delete();
            Interlocked.Add(ref _bytes, -bytes);
        }

        DeleteIfEmpty(content.DirectoryName!);
        DeleteIfEmpty(uses);
        DeleteIfEmpty(Path.Combine(Uses, hash));
    }

    private static void DeleteIfEmpty(string folder)
    {
        if (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any())
        {
            Directory.Delete(folder);
        }
    }

    private string NamePath(string name) => Path.Combine(Names, $"{name}.json");

    private static IEnumerable<string> Enumerate(
        string folder, string pattern, SearchOption option = SearchOption.TopDirectoryOnly) =>
        Directory.Exists(folder) ? Directory.EnumerateFiles(folder, pattern, option) : [];

    private UploadedFile? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<UploadedFile>(File.ReadAllBytes(path), RunLedger.Json) is { } file
                && NamePath(file.Name) == path && File.Exists(PathOf(file)) ? file : null;
        }
        catch (Exception exception) when (exception is JsonException or IOException or ArgumentException)
        {
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4610, LogLevel.Warning, "The uploaded file of '{Path}' is damaged, and is not offered.")]
        public static partial void Damaged(ILogger logger, string path);
    }
}
