using System.Globalization;
using System.Text.Json.Nodes;

namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>A version of an object, as the index stores it.</summary>
internal sealed record StoredObject
{
    public required string Bucket { get; init; }

    public required string Name { get; init; }

    public required long Generation { get; init; }

    public long Metageneration { get; init; } = 1;

    public required long Size { get; init; }

    /// <summary>CRC-32C and MD5 of the content, in base 64; null is an MD5 that no client has asked for.</summary>
    public required string Crc32C { get; init; }

    public string? Md5 { get; init; }

    /// <summary>Name of the file that holds the content.</summary>
    public required string Blob { get; init; }

    public string ContentType { get; init; } = "application/octet-stream";

    public string? ContentEncoding { get; init; }

    public string? CacheControl { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>The session that uploaded it in parts, by which a session that broke off at its end finds it.</summary>
    public string? Upload { get; init; }

    /// <summary>Builds the resource of the JSON API.</summary>
    /// <param name="host">Scheme and host of the request, for links.</param>
    public JsonObject Describe(string host)
    {
        var path = $"b/{Bucket}/o/{Uri.EscapeDataString(Name)}";
        var resource = new JsonObject
        {
            ["kind"] = "storage#object",
            ["id"] = $"{Bucket}/{Name}/{Generation}",
            ["selfLink"] = $"{host}/storage/v1/{path}",
            ["mediaLink"] = $"{host}/download/storage/v1/{path}?generation={Generation}&alt=media",
            ["name"] = Name,
            ["bucket"] = Bucket,
            ["generation"] = Text(Generation),
            ["metageneration"] = Text(Metageneration),
            ["contentType"] = ContentType,
            ["storageClass"] = "STANDARD",
            ["size"] = Text(Size),
            ["crc32c"] = Crc32C,
            ["etag"] = $"{Generation:x}/{Metageneration}",
            ["timeCreated"] = Text(CreatedAt),
            ["updated"] = Text(UpdatedAt),
            ["timeStorageClassUpdated"] = Text(CreatedAt),
        };
        if (Md5 is not null)
        {
            resource["md5Hash"] = Md5;
        }

        if (ContentEncoding is not null)
        {
            resource["contentEncoding"] = ContentEncoding;
        }

        if (CacheControl is not null)
        {
            resource["cacheControl"] = CacheControl;
        }

        if (Metadata is { Count: > 0 })
        {
            resource["metadata"] = new JsonObject(
                Metadata.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));
        }

        return resource;
    }

    internal static string Text(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A bucket.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Project">The project that owns it, whose scenario has its faults.</param>
/// <param name="CreatedAt">Time of its creation.</param>
internal sealed record StoredBucket(string Name, string Project, DateTimeOffset CreatedAt)
{
    public JsonObject Describe(string host) => new()
    {
        ["kind"] = "storage#bucket",
        ["id"] = Name,
        ["selfLink"] = $"{host}/storage/v1/b/{Name}",
        ["name"] = Name,
        ["projectNumber"] = "123456789012",
        ["metageneration"] = "1",
        ["location"] = "US-CENTRAL1",
        ["locationType"] = "region",
        ["storageClass"] = "STANDARD",
        ["etag"] = "CAE=",
        ["timeCreated"] = StoredObject.Text(CreatedAt),
        ["updated"] = StoredObject.Text(CreatedAt),
        ["iamConfiguration"] = new JsonObject
        {
            ["uniformBucketLevelAccess"] = new JsonObject { ["enabled"] = true },
        },
    };
}
