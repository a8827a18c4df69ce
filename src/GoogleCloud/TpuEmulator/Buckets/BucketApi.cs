using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Workflows.GoogleCloud.Connections;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>Serves the JSON API of Cloud Storage, as far as clients of objects use it.</summary>
internal sealed partial class BucketApi(
    BucketStore store, UploadSessions sessions, BucketFaults faults, EmulatedCloud cloud)
{
    private const int MostResults = 1000;

    /// <summary>Bytes of a content that are sent at once while the next ones are read.</summary>
    private const int SentBytes = 256 << 10;

    public async Task HandleAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }

        var request = new StorageRequest(context);
        try
        {
            await RouteAsync(request);
        }
        catch (StorageError error)
        {
            await FailAsync(request, error);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException
            or BadHttpRequestException)
        {
            // The client disconnected, or a scenario cut the connection.
            context.Abort();
        }
    }

    private static async Task FailAsync(StorageRequest request, StorageError error)
    {
        // A client that still sends a large body must be able to read the answer, not a reset connection.
        var rest = new byte[64 << 10];
        while (await request.Context.Request.Body.ReadAsync(rest, request.Context.RequestAborted) > 0)
        {
        }

        if (error.Status == StatusCodes.Status304NotModified)
        {
            request.Context.Response.StatusCode = error.Status;
            return;
        }

        await request.AnswerAsync(error.Describe(), error.Status);
    }

    private Task RouteAsync(StorageRequest request) => request.Parts switch
    {
        ["storage", "v1", "b"] => BucketsAsync(request),
        ["storage", "v1", "b", var bucket] => BucketAsync(request, bucket),
        ["storage", "v1", "b", var bucket, "storageLayout"] => LayoutAsync(request, bucket),
        ["storage", "v1", "b", var bucket, "iam", "testPermissions"] => PermissionsAsync(request, bucket),
        ["storage", "v1", "b", var bucket, "iam"] => PolicyAsync(request, bucket),
        ["storage", "v1", "b", var bucket, "o"] => ListAsync(request, bucket),
        ["storage", "v1", "b", var bucket, "o", var name, "rewriteTo" or "copyTo", "b", var target, "o", var copy] =>
            CopyAsync(request, bucket, name, target, copy),
        ["storage", "v1", "b", var bucket, "o", var name, "compose"] => ComposeAsync(request, bucket, name),
        ["storage", "v1", "b", var bucket, "o", .. var name] => ObjectAsync(request, bucket, string.Join('/', name)),
        ["download", "storage", "v1", "b", var bucket, "o", .. var name] =>
            DownloadAsync(request, bucket, string.Join('/', name)),
        ["upload", "storage", "v1", "b", var bucket, "o"] => UploadAsync(request, bucket),

        // Google's command starts a resumable upload here.
        ["resumable", "upload", "storage", "v1", "b", var bucket, "o"] => UploadAsync(request, bucket),
        _ => throw new StorageError(404, "notFound", "Not Found"),
    };

    private async Task BucketsAsync(StorageRequest request)
    {
        if (request.Method == HttpMethods.Get)
        {
            await request.AnswerAsync(new JsonObject
            {
                ["kind"] = "storage#buckets",
                ["items"] = new JsonArray(
                    [.. store.Buckets(request.Query("project")).Select(bucket => bucket.Describe(request.Host))]),
            });
            return;
        }

        Require(request, HttpMethods.Post);
        var name = StorageRequest.Text(await request.JsonAsync(), "name");
        var project = request.Query("project") is { Length: > 0 } given
            ? given : throw new StorageError(400, "required", "Required parameter: project");
        await request.AnswerAsync(BucketName().IsMatch(name ?? "")
            ? store.Create(name!, project).Describe(request.Host)
            : throw StorageError.Invalid($"Invalid bucket name: '{name}'"));
    }

    private async Task BucketAsync(StorageRequest request, string bucket)
    {
        if (request.Method == HttpMethods.Delete)
        {
            store.Delete(bucket);
            request.Context.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        Require(request, HttpMethods.Get);
        await request.AnswerAsync(store.Bucket(bucket).Describe(request.Host));
    }

    private async Task LayoutAsync(StorageRequest request, string bucket)
    {
        Require(request, HttpMethods.Get);
        store.Bucket(bucket);
        await request.AnswerAsync(new JsonObject
        {
            ["kind"] = "storage#storageLayout",
            ["bucket"] = bucket,
            ["location"] = "US-CENTRAL1",
            ["locationType"] = "region",
        });
    }

    private async Task PermissionsAsync(StorageRequest request, string bucket)
    {
        Require(request, HttpMethods.Get);
        var denied = cloud.ScenarioOf(store.Bucket(bucket).Project).DeniedPermissions;
        await request.AnswerAsync(new JsonObject
        {
            ["kind"] = "storage#testIamPermissionsResponse",
            ["permissions"] = new JsonArray(
                [.. request.Context.Request.Query["permissions"].Where(each => !denied.Contains(each!))
                    .Select(each => (JsonNode?)each)]),
        });
    }

    /// <summary>Serves the policy of a bucket: everybody may use an emulated one.</summary>
    private async Task PolicyAsync(StorageRequest request, string bucket)
    {
        Require(request, HttpMethods.Get);
        store.Bucket(bucket);
        await request.AnswerAsync(new JsonObject
        {
            ["kind"] = "storage#policy",
            ["bindings"] = new JsonArray(new JsonObject
            {
                ["role"] = "roles/storage.objectAdmin",
                ["members"] = new JsonArray("allUsers"),
            }),
        });
    }

    private async Task ListAsync(StorageRequest request, string bucket)
    {
        Require(request, HttpMethods.Get);
        var (prefix, delimiter) = (request.Query("prefix") ?? "", request.Query("delimiter") ?? "");
        if (await faults.PlayAsync("list", bucket, prefix, request.Context.RequestAborted) is not null)
        {
            throw new IOException("The scenario cuts this connection.");
        }

        var most = (int)Math.Clamp(request.Number("maxResults") ?? MostResults, 1, MostResults);
        var after = request.Query("pageToken") is { Length: > 0 } token ? FromToken(token) : null;
        var (items, prefixes) = (new JsonArray(), new SortedSet<string>(Utf8Order.Comparer));
        string? last = null;
        var isCut = false;
        foreach (var item in store.List(bucket, prefix))
        {
            var folder = delimiter.Length > 0
                && item.Name.IndexOf(delimiter, prefix.Length, StringComparison.Ordinal) is var at and >= 0
                    ? item.Name[..(at + delimiter.Length)] : null;
            var mark = folder ?? item.Name;
            if ((after is not null && Utf8Order.Comparer.Compare(mark, after) <= 0) || IsOutside(request, item.Name)
                || (folder is not null && prefixes.Contains(folder)))
            {
                continue;
            }

            if (items.Count + prefixes.Count == most)
            {
                isCut = true;
                break;
            }

            last = mark;
            if (folder is null)
            {
                items.Add(Describe(request, item));
            }
            else
            {
                prefixes.Add(folder);
            }
        }

        var answer = new JsonObject { ["kind"] = "storage#objects" };
        if (isCut)
        {
            answer["nextPageToken"] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(last!));
        }

        if (prefixes.Count > 0)
        {
            answer["prefixes"] = new JsonArray([.. prefixes.Select(each => (JsonNode?)each)]);
        }

        if (items.Count > 0)
        {
            answer["items"] = items;
        }

        await request.AnswerAsync(answer);
    }

    private static bool IsOutside(StorageRequest request, string name) =>
        (request.Query("startOffset") is { } start && Utf8Order.Comparer.Compare(name, start) < 0)
        || (request.Query("endOffset") is { } end && Utf8Order.Comparer.Compare(name, end) >= 0);

    private static string FromToken(string token)
    {
        try
        {
            return System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(token));
        }
        catch (FormatException)
        {
            throw StorageError.Invalid($"Invalid page token '{token}'.");
        }
    }

    private async Task ObjectAsync(StorageRequest request, string bucket, string name)
    {
        switch (request.Method)
        {
            case "GET" when request.Query("alt") == "media":
                await DownloadAsync(request, bucket, name);
                break;
            case "GET":
                await faults.PlayAsync("stat", bucket, name, request.Context.RequestAborted);
                var found = Find(request, bucket, name);
                request.Conditions.Check(found, isRead: true);
                await request.AnswerAsync(Describe(request, found));
                break;
            case "PATCH" or "PUT":
                var resource = await request.JsonAsync();
                await request.AnswerAsync(Describe(request, store.Update(bucket, name, (item, now) =>
                {
                    _ = item ?? throw StorageError.NoObject(bucket, name);
                    request.Conditions.Check(item);
                    return item with
                    {
                        Metageneration = item.Metageneration + 1,
                        UpdatedAt = now,
                        ContentType = StorageRequest.Text(resource, "contentType") ?? item.ContentType,
                        CacheControl = StorageRequest.Text(resource, "cacheControl") ?? item.CacheControl,
                        Metadata = StorageRequest.MetadataOf(resource) ?? item.Metadata,
                    };
                })));
                break;
            case "DELETE":
                await faults.PlayAsync("delete", bucket, name, request.Context.RequestAborted);
                store.Delete(bucket, name, _ => request.Conditions.Check(Find(request, bucket, name)));
                request.Context.Response.StatusCode = StatusCodes.Status204NoContent;
                break;
            default:
                Require(request, HttpMethods.Get);
                break;
        }
    }

    private JsonObject Describe(StorageRequest request, StoredObject item) =>
        (request.Wants("md5Hash") ? store.WithMd5(item) : item).Describe(request.Host);

    private StoredObject Find(StorageRequest request, string bucket, string name) =>
        store.Find(bucket, name) is { } item && (request.Number("generation") ?? item.Generation) == item.Generation
            ? item
            : throw StorageError.NoObject(bucket, name);

    private async Task DownloadAsync(StorageRequest request, string bucket, string name)
    {
        Require(request, HttpMethods.Get);
        var (context, response) = (request.Context, request.Context.Response);
        var cut = await faults.PlayAsync("download", bucket, name, context.RequestAborted);
        var item = Find(request, bucket, name);
        request.Conditions.Check(item, isRead: true);
        await using var content = store.Open(item);
        var (first, last) = (0L, item.Size - 1);
        if (RangeHeaderValue.TryParse(request.Header("Range"), out var asked)
            && asked is { Unit.Value: "bytes", Ranges.Count: 1 })
        {
            var range = asked.Ranges.First();
            (first, last) = range.From is { } from
                ? (from, Math.Min(range.To ?? long.MaxValue, item.Size - 1))
                : (Math.Max(0, item.Size - range.To!.Value), item.Size - 1);
            if (first >= item.Size)
            {
                response.Headers.ContentRange = $"bytes */{item.Size}";
                throw new StorageError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable");
            }

            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = string.Create(
                CultureInfo.InvariantCulture, $"bytes {first}-{last}/{item.Size}");
        }

        response.ContentType = item.ContentType;
        response.ContentLength = last - first + 1;
        response.Headers.AcceptRanges = "bytes";
        response.Headers["x-goog-generation"] = $"{item.Generation}";
        response.Headers["x-goog-metageneration"] = $"{item.Metageneration}";
        response.Headers["x-goog-stored-content-length"] = $"{item.Size}";
        response.Headers["x-goog-stored-content-encoding"] = item.ContentEncoding ?? "identity";
        response.Headers["x-goog-hash"] = $"crc32c={item.Crc32C}" + (item.Md5 is null ? "" : $",md5={item.Md5}");
        var target = cut is { } bytes ? new CutStream(response.Body, bytes, context.Abort) : response.Body;
        content.Position = first;
        var left = last - first + 1;
        await OverlappedCopy.RunAsync(
            (buffer, _) =>
            {
                var count = content.Read(buffer.Span[..(int)Math.Min(buffer.Length, left)]);
                left -= count;
                return count == 0 && left > 0
                    ? throw new EndOfStreamException($"The content of {bucket}/{name} on disk is cut short.")
                    : ValueTask.FromResult(count);
            },
            target.WriteAsync, SentBytes, context.RequestAborted);
    }

    private static void Require(StorageRequest request, string method)
    {
        if (request.Method != method)
        {
            throw new StorageError(405, "methodNotAllowed", "The specified method is not allowed.");
        }
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]\z", RegexOptions.CultureInvariant)]
    private static partial Regex BucketName();
}
