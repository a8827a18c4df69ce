using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>Serves uploads, whole and in parts, and copies.</summary>
internal sealed partial class BucketApi
{
    private async Task UploadAsync(StorageRequest request, string bucket)
    {
        if (request.Query("upload_id") is { } id)
        {
            await GoOnAsync(request, id);
            return;
        }

        Require(request, HttpMethods.Post);
        store.Bucket(bucket);
        switch (request.Query("uploadType"))
        {
            case "resumable":
                await BeginAsync(request, bucket);
                break;
            case "media":
                await WholeAsync(
                    request, request.Plan(bucket, [], request.Context.Request.ContentType),
                    request.Context.Request.Body);
                break;
            case "multipart":
                await using (var parts = new RelatedParts(
                    request.Context.Request.Body, request.Context.Request.ContentType))
                {
                    var resource = await request.JsonAsync(await parts.NextAsync(request.Context.RequestAborted));
                    var content = await parts.NextAsync(request.Context.RequestAborted);
                    await WholeAsync(request, request.Plan(bucket, resource, parts.ContentType), content);
                }

                break;
            default:
                throw StorageError.Invalid("Invalid Upload Request: uploadType is media, multipart or resumable.");
        }
    }

    private async Task BeginAsync(StorageRequest request, string bucket)
    {
        var plan = request.Plan(bucket, await request.JsonAsync(), request.Header("X-Upload-Content-Type"));
        await faults.PlayAsync("upload", bucket, plan.Name, request.Context.RequestAborted);
        var id = sessions.Begin(plan);
        var response = request.Context.Response;
        response.Headers["X-GUploader-UploadID"] = id;
        response.Headers.Location =
            $"{request.Host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={id}"
            + (request.Query("fields") is { } fields ? $"&fields={Uri.EscapeDataString(fields)}" : "");
        response.ContentLength = 0;
    }

    private async Task WholeAsync(StorageRequest request, UploadPlan plan, Stream content)
    {
        var cancellation = request.Context.RequestAborted;
        var cut = await faults.PlayAsync("upload", plan.Bucket, plan.Name, cancellation);
        plan.Conditions.Check(store.Find(plan.Bucket, plan.Name));
        var path = sessions.NewFile();
        try
        {
            await using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write))
            {
                await (cut is { } bytes ? new CutStream(content, bytes, request.Context.Abort) : content)
                    .CopyToAsync(file, 256 << 10, cancellation);
            }

            await request.AnswerAsync(Describe(request, sessions.Commit(plan, path)));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Handles a request of an upload session: a part, a query of its progress, or its end.</summary>
    private async Task GoOnAsync(StorageRequest request, string id)
    {
        var plan = sessions.PlanFor(id);
        if (request.Method == HttpMethods.Delete)
        {
            sessions.Drop(id);
            request.Context.Response.StatusCode = 499;
            return;
        }

        if (sessions.Finished(id) is { } finished)
        {
            await request.AnswerAsync(Describe(request, finished));
            return;
        }

        var cut = await faults.PlayAsync("upload", plan.Bucket, plan.Name, request.Context.RequestAborted);
        var (first, last, total) = ContentRange(request.Header("Content-Range"));

        // Without byte positions it is a query, or the whole object in one request.
        var isQuestion = request.Header("Content-Range") is not null && first is null;
        if (!isQuestion)
        {
            if (first is { } from && from > await sessions.ReceivedAsync(id, request.Context.RequestAborted))
            {
                await ContinueAsync(request, id);
                return;
            }

            var isLast = first is null || last is null || (total is { } size && last == size - 1);
            var body = request.Context.Request.Body;
            await sessions.TakeAsync(
                id, first ?? 0, cut is { } bytes ? new CutStream(body, bytes, request.Context.Abort) : body, isLast,
                request.Context.RequestAborted);
            if (isLast && total is { } whole && whole != sessions.Received(id))
            {
                throw StorageError.Invalid(
                    $"Invalid request. The number of bytes uploaded is required to be equal or greater than {whole}.");
            }

            if (isLast)
            {
                await request.AnswerAsync(Describe(request, sessions.Finish(id)));
                return;
            }
        }
        else if (total == await sessions.ReceivedAsync(id, request.Context.RequestAborted))
        {
            await request.AnswerAsync(Describe(request, sessions.Finish(id)));
            return;
        }

        await ContinueAsync(request, id);
    }

    private async Task ContinueAsync(StorageRequest request, string id)
    {
        var response = request.Context.Response;
        response.StatusCode = StatusCodes.Status308PermanentRedirect;
        if (request.Header("X-GUploader-No-308") is not null)
        {
            response.StatusCode = StatusCodes.Status200OK;
            response.Headers["X-HTTP-Status-Code-Override"] = "308";
        }

        response.Headers["X-GUploader-UploadID"] = id;
        if (await sessions.ReceivedAsync(id, request.Context.RequestAborted) is var received and > 0)
        {
            response.Headers.Range = string.Create(CultureInfo.InvariantCulture, $"bytes=0-{received - 1}");
        }

        response.ContentLength = 0;
    }

    private async Task CopyAsync(StorageRequest request, string bucket, string name, string target, string copy)
    {
        Require(request, HttpMethods.Post);
        var plan = request.Plan(target, new JsonObject { ["name"] = copy });
        var source = Find(request, bucket, name);
        var made = await AssembleAsync(request, plan with { ContentType = source.ContentType }, [source]);
        await request.AnswerAsync(request.Parts[6] == "copyTo"
            ? Describe(request, made)
            : new JsonObject
            {
                ["kind"] = "storage#rewriteResponse",
                ["totalBytesRewritten"] = $"{made.Size}",
                ["objectSize"] = $"{made.Size}",
                ["done"] = true,
                ["resource"] = Describe(request, made),
            });
    }

    private async Task ComposeAsync(StorageRequest request, string bucket, string name)
    {
        Require(request, HttpMethods.Post);
        var body = await request.JsonAsync();
        var sources = (body["sourceObjects"] as JsonArray ?? []).OfType<JsonObject>()
            .Select(source => StorageRequest.Text(source, "name") ?? "")
            .Select(source => store.Find(bucket, source) ?? throw StorageError.NoObject(bucket, source)).ToList();
        if (sources.Count is 0 or > 32)
        {
            throw StorageError.Invalid("The number of source components is from 1 to 32.");
        }

        var resource = body["destination"]?.DeepClone() as JsonObject ?? [];
        resource["name"] = name;
        await request.AnswerAsync(
            Describe(request, await AssembleAsync(request, request.Plan(bucket, resource), sources)));
    }

    private async Task<StoredObject> AssembleAsync(
        StorageRequest request, UploadPlan plan, IReadOnlyList<StoredObject> sources)
    {
        await faults.PlayAsync("upload", plan.Bucket, plan.Name, request.Context.RequestAborted);
        var path = sessions.NewFile();
        try
        {
            await using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write))
            {
                foreach (var source in sources)
                {
                    await using var content = store.Open(source);
                    await content.CopyToAsync(file, request.Context.RequestAborted);
                }
            }

            return sessions.Commit(plan, path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Parses <c>bytes a-b/T</c>, where b and T may be stars, or <c>bytes */T</c>.</summary>
    private static (long? First, long? Last, long? Total) ContentRange(string? header)
    {
        if (header is null)
        {
            return (null, null, null);
        }

        var match = PartRange().Match(header);
        return match.Success
            ? (Number("first"), Number("last"), Number("total"))
            : throw StorageError.Invalid($"Failed to parse Content-Range header '{header}'.");

        long? Number(string group) =>
            long.TryParse(match.Groups[group].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number : null;
    }

    [GeneratedRegex(
        @"^bytes (?:(?<first>\d{1,18})-(?:(?<last>\d{1,18})|\*)|\*)/(?:(?<total>\d{1,18})|\*)$",
        RegexOptions.CultureInvariant)]
    private static partial Regex PartRange();
}
