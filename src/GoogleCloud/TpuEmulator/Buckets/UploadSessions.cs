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

    /// <summary>Stores the bytes of one request.</summary>
    /// <param name="id">The session.</param>
    /// <param name="first">Position of the first byte; bytes that were stored before are skipped.</param>
    /// <param name="body">The bytes.</param>
    /// <param name="isLast">true if the object ends with them.</param>
    /// <param name="cancellation">Cancels the reading.</param>
    public async Task TakeAsync(string id, long first, Stream body, bool isLast, CancellationToken cancellation)
    {
        await using var file = new FileStream(DataOf(id), FileMode.Append, FileAccess.Write, FileShare.Read);
        var skip = file.Length - first;
        if (skip < 0)
        {
            throw StorageError.Invalid($"Bytes {file.Length} to {first - 1} are missing.");
        }

        var isWhole = false;
        var buffer = new byte[Grain];
        try
        {
            int count;
            while ((count = await body.ReadAsync(buffer, cancellation)) > 0)
            {
                var known = (int)Math.Min(skip, count);
                skip -= known;
                await file.WriteAsync(buffer.AsMemory(known, count - known), cancellation);
            }

            isWhole = true;
        }
        finally
        {
            // Cloud Storage keeps whole multiples of a part that broke off.
            if (!isLast || !isWhole)
            {
                file.SetLength(file.Length / Grain * Grain);
            }

            file.Flush(flushToDisk: true);
        }
    }

    public StoredObject Finish(string id)
    {
        var item = Commit(PlanFor(id), DataOf(id), id);
        File.WriteAllText(EndOf(id), JsonSerializer.Serialize(item));
        return item;
    }

    public void Drop(string id)
    {
        PlanFor(id);
        File.Delete(DataOf(id));
        File.Delete(PlanOf(id));
    }

    /// <summary>Makes a file an object.</summary>
    public StoredObject Commit(UploadPlan plan, string file, string? upload = null)
    {
        var crc = default(Crc32C);

        // Cloud Storage's own hash, which clients compare; it is not used for security.
#pragma warning disable CA5351
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351
        long size;
        using (var stream = new FileStream(file, FileMode.Open, FileAccess.Read))
        {
            size = stream.Length;
            var buffer = new byte[1 << 20];
            int count;
            while ((count = stream.Read(buffer)) > 0)
            {
                crc.Append(buffer.AsSpan(0, count));
                md5.AppendData(buffer, 0, count);
            }
        }

        var hash = md5.GetHashAndReset();
        return store.Commit(
            file, plan.Bucket, plan.Name, item => plan.Conditions.Check(item), (generation, now) => new StoredObject
            {
                Bucket = plan.Bucket,
                Name = plan.Name,
                Generation = generation,
                Size = size,
                Crc32C = crc.ToString(),
                Md5 = Convert.ToBase64String(hash),
                Blob = $"{Convert.ToHexStringLower(hash)}-{crc.Value:x8}-{size}",
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
}
