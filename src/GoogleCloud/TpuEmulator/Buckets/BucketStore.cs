namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>
/// Stores the buckets on disk: contents as files named by their hash, so that equal contents are stored once, and an
/// index of one JSON line for each change. <b>Invariant:</b> a content is on disk before its line is, and a line before
/// the call returns.
/// </summary>
internal sealed class BucketStore
{
    /// <summary>Time after which an upload session expires, as in Cloud Storage: a week.</summary>
    private static readonly TimeSpan SessionLife = TimeSpan.FromDays(7);

    private readonly Lock _lock = new();
    private readonly string _blobs;
    private readonly TimeProvider _clock;
    private readonly Dictionary<string, StoredBucket> _buckets = new(StringComparer.Ordinal);
    private readonly SortedDictionary<(string Bucket, string Name), StoredObject> _objects = new(
        Comparer<(string Bucket, string Name)>.Create((left, right) =>
            string.CompareOrdinal(left.Bucket, right.Bucket) is var order and not 0
                ? order : Utf8Order.Comparer.Compare(left.Name, right.Name)));

    private readonly Dictionary<string, int> _uses = new(StringComparer.Ordinal);
    private readonly Journal<Change> _journal;
    private long _lastGeneration;

    public BucketStore(EmulatorOptions options, TimeProvider clock)
    {
        var directory = Path.Combine(options.StateDirectory, "buckets");
        (_clock, _blobs) = (clock, Path.Combine(directory, "blobs"));
        _journal = new Journal<Change>(Path.Combine(directory, "index.jsonl"));
        Uploads = Path.Combine(directory, "uploads");
        Directory.CreateDirectory(_blobs);
        Directory.CreateDirectory(Uploads);
        foreach (var session in Directory.EnumerateFiles(Uploads).Where(
            path => clock.GetUtcNow() - File.GetLastWriteTimeUtc(path) > SessionLife))
        {
            File.Delete(session);
        }

        Load();
    }

    /// <summary>Gets the folder of unfinished uploads.</summary>
    public string Uploads { get; }

    /// <summary>Finds a bucket.</summary>
    /// <exception cref="StorageError">It does not exist.</exception>
    public StoredBucket Bucket(string name)
    {
        lock (_lock)
        {
            return _buckets.GetValueOrDefault(name) ?? throw StorageError.NoBucket();
        }
    }

    public IReadOnlyList<StoredBucket> Buckets(string? project)
    {
        lock (_lock)
        {
            return [.. _buckets.Values.Where(bucket => project is null || bucket.Project == project)
                .OrderBy(bucket => bucket.Name, StringComparer.Ordinal)];
        }
    }

    public StoredBucket Create(string name, string project)
    {
        lock (_lock)
        {
            if (_buckets.TryGetValue(name, out var there))
            {
                throw there.Project == project
                    ? new StorageError(409, "conflict", "Your previous request to create the named bucket succeeded "
                        + "and you already own it.")
                    : new StorageError(409, "conflict", "The requested bucket name is not available. The bucket "
                        + "namespace is shared by all users of the system. Please select a different name and try "
                        + "again.");
            }

            var bucket = new StoredBucket(name, project, _clock.GetUtcNow());
            Append(new Change { Bucket = bucket });
            return bucket;
        }
    }

    public void Delete(string bucket)
    {
        lock (_lock)
        {
            Bucket(bucket);
            if (_objects.Keys.Any(key => key.Bucket == bucket))
            {
                throw new StorageError(409, "conflict", "The bucket you tried to delete is not empty.");
            }

            Append(new Change { DeletedBucket = bucket });
        }
    }

    public StoredObject? Find(string bucket, string name)
    {
        lock (_lock)
        {
            Bucket(bucket);
            return _objects.GetValueOrDefault((bucket, name));
        }
    }

    /// <summary>Lists the objects of a bucket in the order of their names.</summary>
    public IReadOnlyList<StoredObject> List(string bucket, string prefix)
    {
        lock (_lock)
        {
            Bucket(bucket);
            return [.. _objects.Where(pair => pair.Key.Bucket == bucket
                && pair.Key.Name.StartsWith(prefix, StringComparison.Ordinal)).Select(pair => pair.Value)];
        }
    }

    /// <summary>Opens the content; it can be read to its end even if the object is deleted meanwhile.</summary>
    public FileStream Open(StoredObject item) => new(
        Path.Combine(_blobs, item.Blob), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    /// <summary>Returns an object with its MD5, which is computed and kept if it is not known yet.</summary>
    public StoredObject WithMd5(StoredObject item)
    {
        if (item.Md5 is not null)
        {
            return item;
        }

        using var content = Open(item);
        var md5 = ContentHash.Md5Of(content);
        lock (_lock)
        {
            if (_objects.GetValueOrDefault((item.Bucket, item.Name)) is { } now && now.Blob == item.Blob)
            {
                Append(new Change { Object = now with { Md5 = md5 } });
            }
        }

        return item with { Md5 = md5 };
    }

    /// <summary>Makes a file the content of an object, atomically, if the conditions hold at that moment.</summary>
    /// <param name="file">The content; the file is moved.</param>
    /// <param name="bucket">The bucket.</param>
    /// <param name="name">The object's name.</param>
    /// <param name="check">Checks the existing version, and throws if a condition does not hold.</param>
    /// <param name="make">Creates the object from its generation and the time.</param>
    public StoredObject Commit(
        string file, string bucket, string name, Action<StoredObject?> check,
        Func<long, DateTimeOffset, StoredObject> make)
    {
        lock (_lock)
        {
            check(Find(bucket, name));
            var now = _clock.GetUtcNow();
            var generation = Math.Max(_lastGeneration + 1, now.ToUnixTimeMilliseconds() * 1000);
            var item = make(generation, now);
            if (_uses.ContainsKey(item.Blob))
            {
                File.Delete(file);
            }
            else
            {
                File.Move(file, Path.Combine(_blobs, item.Blob), overwrite: true);
            }

            Append(new Change { Object = item });
            return item;
        }
    }

    /// <summary>Changes the metadata of an object; its content stays.</summary>
    public StoredObject Update(string bucket, string name, Func<StoredObject?, DateTimeOffset, StoredObject> change)
    {
        lock (_lock)
        {
            var item = change(Find(bucket, name), _clock.GetUtcNow());
            Append(new Change { Object = item });
            return item;
        }
    }

    public void Delete(string bucket, string name, Action<StoredObject?> check)
    {
        lock (_lock)
        {
            var item = Find(bucket, name);
            check(item);
            Append(new Change { DeletedObject = [bucket, name] });
        }
    }

    private void Load()
    {
        foreach (var change in _journal.Read())
        {
            Apply(change);
        }

        _journal.Replace(
        [
            .. _buckets.Values.Select(bucket => new Change { Bucket = bucket }),
            .. _objects.Values.Select(item => new Change { Object = item }),
        ]);
        foreach (var blob in Directory.EnumerateFiles(_blobs).Where(
            blob => !_uses.ContainsKey(Path.GetFileName(blob))))
        {
            File.Delete(blob);
        }
    }

    private void Append(Change change)
    {
        _journal.Append([change]);
        foreach (var blob in Apply(change))
        {
            File.Delete(Path.Combine(_blobs, blob));
        }
    }

    /// <returns>Contents that no object uses any more.</returns>
    private List<string> Apply(Change change)
    {
        var unused = new List<string>();
        if (change.Bucket is { } bucket)
        {
            _buckets[bucket.Name] = bucket;
        }

        if (change.DeletedBucket is { } deleted)
        {
            _buckets.Remove(deleted);
        }

        if (change.Object is { } item)
        {
            _uses[item.Blob] = _uses.GetValueOrDefault(item.Blob) + 1;
            Drop((item.Bucket, item.Name));
            _objects[(item.Bucket, item.Name)] = item;
            _lastGeneration = Math.Max(_lastGeneration, item.Generation);
        }

        if (change.DeletedObject is [var from, var name])
        {
            Drop((from, name));
        }

        return unused;

        void Drop((string Bucket, string Name) key)
        {
            if (_objects.Remove(key, out var old) && --_uses[old.Blob] == 0)
            {
                _uses.Remove(old.Blob);
                unused.Add(old.Blob);
            }
        }
    }

    /// <summary>A line of the index, with one of its members set.</summary>
    private sealed record Change
    {
        public StoredBucket? Bucket { get; init; }

        public StoredObject? Object { get; init; }

        public string? DeletedBucket { get; init; }

        public string[]? DeletedObject { get; init; }
    }
}
