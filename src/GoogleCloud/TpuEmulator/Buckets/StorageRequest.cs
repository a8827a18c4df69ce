using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;

namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>A request as Cloud Storage reads it: names are percent-encoded, including their slashes.</summary>
internal sealed class StorageRequest
{
    /// <summary>Most bytes of a JSON body.</summary>
    private const int MostJsonBytes = 1 << 20;

    // It is undefined which of two values of a key counts, so duplicates are refused here.
    private static readonly JsonDocumentOptions WithoutDuplicates = new() { AllowDuplicateProperties = false };

    public StorageRequest(HttpContext context)
    {
        Context = context;

        // The server decodes a path except for its %2F; an object's name needs the raw text.
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var query = target.IndexOf('?', StringComparison.Ordinal);
        Parts = [.. (query < 0 ? target : target[..query]).Split('/', StringSplitOptions.RemoveEmptyEntries)
            .Select(Uri.UnescapeDataString)];
    }

    public HttpContext Context { get; }

    public string[] Parts { get; }

    public string Method => Context.Request.Method;

    public string Host => $"{Context.Request.Scheme}://{Context.Request.Host}";

    public Conditions Conditions => new(
        Number("ifGenerationMatch"), Number("ifGenerationNotMatch"), Number("ifMetagenerationMatch"),
        Number("ifMetagenerationNotMatch"));

    public string? Query(string name) => Context.Request.Query[name] is { Count: > 0 } values ? values[0] : null;

    public string? Header(string name) => Context.Request.Headers[name] is { Count: > 0 } values ? values[0] : null;

    /// <exception cref="StorageError">The parameter is no number.</exception>
    public long? Number(string name) => Query(name) is not { Length: > 0 } text
        ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw StorageError.Invalid($"Invalid value '{text}' for the parameter {name}.");

    public async Task<JsonObject> JsonAsync(Stream? part = null)
    {
        var body = part ?? Context.Request.Body;
        await using var gzip = part is null && Header("Content-Encoding") == "gzip"
            ? new GZipStream(body, CompressionMode.Decompress) : null;
        using var memory = new MemoryStream();
        var buffer = new byte[16 << 10];
        int count;
        while ((count = await ReadAsync(gzip ?? body, buffer)) > 0)
        {
            memory.Write(buffer, 0, count);
            if (memory.Length > MostJsonBytes)
            {
                throw StorageError.Invalid("The metadata is too long.");
            }
        }

        try
        {
            return memory.Length == 0
                ? []
                : Checked(JsonNode.Parse(memory.ToArray(), documentOptions: WithoutDuplicates)) as JsonObject
                    ?? throw StorageError.Invalid("Parse Error: the body is no JSON object.");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw StorageError.Invalid("Parse Error");
        }
    }

    /// <summary>Reads every string, so that half of a surrogate pair, written as an escape, fails here.</summary>
    private static JsonNode? Checked(JsonNode? node)
    {
        IEnumerable<JsonNode?> inside = node switch
        {
            JsonObject members => members.Select(member => member.Value),
            JsonArray items => items,
            _ => [],
        };
        foreach (var each in inside)
        {
            Checked(each);
        }

        _ = node is JsonValue value && value.TryGetValue<string>(out _);
        return node;
    }

    private async Task<int> ReadAsync(Stream body, byte[] buffer)
    {
        try
        {
            return await body.ReadAsync(buffer, Context.RequestAborted);
        }
        catch (InvalidDataException)
        {
            throw StorageError.Invalid("Parse Error: the body is not gzip, as its Content-Encoding says.");
        }
    }

    /// <summary>Returns whether a member is among those that the client asks for.</summary>
    public bool Wants(string member) => Query("fields") is not { Length: > 0 } fields
        || fields.Contains(member, StringComparison.Ordinal) || fields.Contains('*', StringComparison.Ordinal);

    public Task AnswerAsync(JsonObject body, int status = 200)
    {
        Context.Response.StatusCode = status;
        Context.Response.ContentType = "application/json; charset=UTF-8";
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body);
        Context.Response.ContentLength = bytes.Length;
        return Context.Response.Body.WriteAsync(bytes, Context.RequestAborted).AsTask();
    }

    /// <summary>Reads the plan of an upload from the query and the resource that came with it.</summary>
    public UploadPlan Plan(string bucket, JsonObject resource, string? contentType = null)
    {
        var name = Query("name") is { Length: > 0 } given ? given : Text(resource, "name");
        if (string.IsNullOrEmpty(name))
        {
            throw new StorageError(400, "required", "Required");
        }

        if (System.Text.Encoding.UTF8.GetByteCount(name) > 1024 || name is "." or ".."
            || name.Any(letter => letter is '\r' or '\n'))
        {
            throw StorageError.Invalid($"Disallowed unicode characters or length in the object name '{name}'.");
        }

        return new UploadPlan
        {
            Bucket = bucket,
            Name = name,
            ContentType = Text(resource, "contentType") ?? contentType,
            ContentEncoding = Query("contentEncoding") ?? Text(resource, "contentEncoding"),
            CacheControl = Text(resource, "cacheControl"),
            Metadata = MetadataOf(resource),
            Conditions = Conditions,
        };
    }

    public static string? Text(JsonObject resource, string name) =>
        resource[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    public static Dictionary<string, string>? MetadataOf(JsonObject resource) =>
        resource["metadata"] is JsonObject metadata
            ? metadata.Where(pair => pair.Value is JsonValue).ToDictionary(
                pair => pair.Key, pair => pair.Value!.ToString(), StringComparer.Ordinal)
            : null;
}
