using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Workflows.GoogleCloud.Connections;

namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>The object that an upload is to become.</summary>
internal sealed record UploadPlan
{
    public required string Bucket { get; init; }

    public required string Name { get; init; }

    public string? ContentType { get; init; }

    public string? ContentEncoding { get; init; }

    public string? CacheControl { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    public Conditions Conditions { get; init; } = new();
}

/// <summary>Preconditions of a call.</summary>
/// <param name="Generation">The generation that must exist; 0 for none, null for any.</param>
/// <param name="NotGeneration">The generation that must not exist.</param>
/// <param name="Metageneration">The version of the metadata that must exist.</param>
/// <param name="NotMetageneration">The version of the metadata that must not exist.</param>
internal sealed record Conditions(
    long? Generation = null, long? NotGeneration = null, long? Metageneration = null, long? NotMetageneration = null)
{
    /// <summary>Checks the conditions against an object, or against none.</summary>
    /// <param name="item">
    /// The object; null if there is none, and then every condition but generation 0 fails.
    /// </param>
    /// <param name="isRead">true for a read, which gets Not Found if a required version does not exist.</param>
    /// <exception cref="StorageError">A condition does not hold.</exception>
    public void Check(StoredObject? item, bool isRead = false)
    {
        if ((Generation is { } wanted && wanted != (item?.Generation ?? 0))
            || (Metageneration is { } version && version != item?.Metageneration))
        {
            throw StorageError.Condition();
        }

        if ((NotGeneration is { } unwanted && (item is null || unwanted == item.Generation))
            || (NotMetageneration is { } old && (item is null || old == item.Metageneration)))
        {
            throw isRead ? StorageError.NotModified() : StorageError.Condition();
        }
    }
}

/// <summary>
/// Stores uploads in parts. A session and the bytes that arrived are files, so they survive a restart of the emulator.
/// </summary>
internal sealed class UploadSessions(BucketStore store)
{
    /// <summary>Bytes of an unfinished upload are kept in multiples of this size.</summary>
    private const int Grain = 256 << 10;

    private const int BufferBytes = 512 << 10;

    /// <summary>Bytes after which the disk begins to write, so that little is left to flush at the end.</summary>
    private const int FlushBytes = 32 << 20;

    private readonly ConcurrentDictionary<string, Arriving> _arriving = new(StringComparer.Ordinal);

    public string Begin(UploadPlan plan)
    {
        plan.Conditions.Check(store.Find(plan.Bucket, plan.Name));
        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        File.WriteAllText(PlanOf(id), JsonSerializer.Serialize(plan));
        File.WriteAllBytes(DataOf(id), []);
        return id;
    }

    public UploadPlan PlanFor(string id) =>
        id.Length > 0 && id.All(char.IsAsciiHexDigitLower) && File.Exists(PlanOf(id))
            ? JsonSerializer.Deserialize<UploadPlan>(File.ReadAllText(PlanOf(id)))!
            : throw StorageError.NoSession();

    /// <summary>Returns the object of a finished session; null while it is unfinished.</summary>
    public StoredObject? Finished(string id)
    {
        try
        {
            if (File.Exists(EndOf(id)))
            {
                return JsonSerializer.Deserialize<StoredObject>(File.ReadAllText(EndOf(id)));
            }
        }
        catch (JsonException)
        {
            // A crash left the file incomplete; the object existed before it was written.
        }

        var plan = PlanFor(id);
        return store.Find(plan.Bucket, plan.Name) is { } item && item.Upload == id ? item : null;
    }

    public long Received(string id) =>
        new FileInfo(DataOf(id)) is { Exists: true } data ? data.Length : throw StorageError.NoSession();

    /// <summary>Returns the stored bytes of a session, once a part that broke off is cut to what stays of it.</summary>
    /// <param name="id">The session.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    public async Task<long> ReceivedAsync(string id, CancellationToken cancellation)
    {
        if (!_arriving.TryGetValue(id, out var arriving))
        {
            return Received(id);
        }

        await arriving.Gate.WaitAsync(cancellation);
        try
        {
            return Received(id);
        }
        finally
        {
            arriving.Gate.Release();
        }
    }

    /// <summary>Stores the bytes of one request.</summary>
    /// <param name="id">The session.</param>
    /// <param name="first">Position of the first byte; bytes that were stored before are skipped.</param>
    /// <param name="body">The bytes.</param>
    /// <param name="isLast">true if the object ends with them.</param>
    /// <param name="cancellation">Cancels the reading.</param>
    public async Task TakeAsync(string id, long first, Stream body, bool isLast, CancellationToken cancellation)
    {
        // A part that broke off may still be arriving when its client sends the next one.
        var arriving = _arriving.GetOrAdd(id, _ => new Arriving());
        await arriving.Gate.WaitAsync(cancellation);
        try
        {
            await TakeAsync(arriving, DataOf(id), first, body, isLast, cancellation);
        }
        finally
        {
            arriving.Gate.Release();
        }
    }

    private static async Task TakeAsync(
        Arriving arriving, string path, long first, Stream body, bool isLast, CancellationToken cancellation)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.Read, bufferSize: 0);
        file.Seek(0, SeekOrigin.End);
        var skip = file.Length - first;
        if (skip < 0)
        {
            throw StorageError.Invalid($"Bytes {file.Length} to {first - 1} are missing.");
        }

        // After a restart, or a part that broke off, the whole content is hashed at its end.
        var hash = file.Length == 0 ? new ContentHash()
            : arriving.Hash is { } before && before.Length == file.Length ? before : null;
        var (isWhole, flushed, flushing) = (false, file.Length, Task.CompletedTask);
        try
        {
            await OverlappedCopy.RunAsync(body.ReadAsync, Take, BufferBytes, cancellation);
            isWhole = true;
        }
        finally
        {
            await flushing;

            // Cloud Storage keeps whole multiples of a part that broke off.
            if (!isLast || !isWhole)
            {
                file.SetLength(file.Length / Grain * Grain);
            }

            arriving.Hash = hash?.Length == file.Length ? hash : null;
        }

        ValueTask Take(ReadOnlyMemory<byte> bytes, CancellationToken stop)
        {
            var fresh = bytes[(int)Math.Min(skip, bytes.Length)..].Span;
            skip -= bytes.Length - fresh.Length;
            file.Write(fresh);
            hash?.Append(fresh);
            if (file.Position - flushed >= FlushBytes && flushing.IsCompletedSuccessfully)
            {
                flushed = file.Position;
                flushing = Task.Run(() => RandomAccess.FlushToDisk(file.SafeFileHandle), CancellationToken.None);
            }

            return ValueTask.CompletedTask;
        }
    }

    public StoredObject Finish(string id)
    {
        var hash = _arriving.TryRemove(id, out var arriving) && arriving.Hash?.Length == Received(id)
            ? arriving.Hash : null;
        var item = Commit(PlanFor(id), DataOf(id), id, hash);
        File.WriteAllText(EndOf(id), JsonSerializer.Serialize(item));
        return item;
    }

    public void Drop(string id)
    {
        PlanFor(id);
        _arriving.TryRemove(id, out _);
        File.Delete(DataOf(id));
        File.Delete(PlanOf(id));
    }

    /// <summary>Makes a file an object, whose content is on the disk then.</summary>
    /// <param name="plan">The object.</param>
    /// <param name="file">The content; the file is moved.</param>
    /// <param name="upload">The session that uploaded it; null for none.</param>
    /// <param name="hash">The hash of the content; null if it is not known.</param>
    public StoredObject Commit(UploadPlan plan, string file, string? upload = null, ContentHash? hash = null)
    {
        hash ??= ContentHash.Of(file);
        using (var stream = new FileStream(file, FileMode.Open, FileAccess.Write))
        {
            stream.Flush(flushToDisk: true);
        }

        var (crc, md5, blob) = hash.End();
        return store.Commit(
            file, plan.Bucket, plan.Name, item => plan.Conditions.Check(item), (generation, now) => new StoredObject
            {
                Bucket = plan.Bucket,
                Name = plan.Name,
                Generation = generation,
                Size = hash.Length,
                Crc32C = crc,
                Md5 = md5,
                Blob = blob,
                ContentType = plan.ContentType ?? "application/octet-stream",
                ContentEncoding = plan.ContentEncoding,
                CacheControl = plan.CacheControl,
                Metadata = plan.Metadata,
                CreatedAt = now,
                UpdatedAt = now,
                Upload = upload,
            });
    }

    public string NewFile() =>
        Path.Combine(store.Uploads, $"{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12))}.whole");

    private string DataOf(string id) => Path.Combine(store.Uploads, $"{id}.data");

    private string PlanOf(string id) => Path.Combine(store.Uploads, $"{id}.json");

    private string EndOf(string id) => Path.Combine(store.Uploads, $"{id}.end");

    /// <summary>A session whose bytes arrive in this process.</summary>
    private sealed class Arriving
    {
        public SemaphoreSlim Gate { get; } = new(1);

        /// <summary>Gets or sets the hash of the bytes on disk; null if it is not known.</summary>
        public ContentHash? Hash { get; set; }
    }
}
