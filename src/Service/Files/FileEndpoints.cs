using System.Security.Claims;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Workflows.Artifacts;
using Workflows.Service.Access;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Files;

/// <summary>Serves /files: corpora of callers who share no folder and no bucket with the service.</summary>
internal static class FileEndpoints
{
    private const string Bytes = "application/octet-stream";

    // Of RFC 9530: sha-256=:BASE64:.
    private const string Digest = "sha-256=:";

    public static void AddFiles(this IServiceCollection services, ServiceSettings settings)
    {
        Require(nameof(settings.Uploads.FileGibibytes), settings.Uploads.FileGibibytes);
        Require(nameof(settings.Uploads.AllGibibytes), settings.Uploads.AllGibibytes);
        if (settings.IsShared)
        {
            services.AddSingleton<SharedFiles>();
            services.AddSingleton<IFileStore>(provider => provider.GetRequiredService<SharedFiles>());
            services.AddHostedService(provider => provider.GetRequiredService<SharedFiles>());
        }
        else
        {
            services.AddSingleton<IFileStore, FileStore>();
        }

        services.AddSingleton<UploadReferences>();
    }

    public static void MapFiles(this IEndpointRouteBuilder routes)
    {
        var files = routes.MapGroup("/files");
        files.MapGet("/", (IFileStore store) => TypedResults.Ok(new FilesView(
                ViewsOf(store, store.All()), store.Bytes, store.MostBytes)))
            .Described("listFiles", "Lists the uploaded files.");
        files.MapPut("/{name}", PutAsync)
            .Described(
                "putFile", "Uploads a file, whole or not at all; replaces one of the same name.",
                400, 409, 412, 413, 507)
            .HasParameter(
                Microsoft.OpenApi.ParameterLocation.Header, "If-None-Match", "*: replaces no file of other content.")
            .HasParameter(
                Microsoft.OpenApi.ParameterLocation.Header, "Content-Digest",
                "sha-256=:BASE64: refuses a file that arrives otherwise (RFC 9530).")
            .HasBytes().Produces<FileView>().Produces<FileView>(StatusCodes.Status201Created);
        files.MapGet("/{name}", GetAsync)
            .Described("getFile", "Gets an uploaded file.", 400, 404)
            .Produces<Stream>(StatusCodes.Status200OK, Bytes).Produces(StatusCodes.Status304NotModified);
        files.MapMethods("/{name}", [HttpMethods.Head], GetAsync)
            .Described("lookAtFile", "Answers with the length and the ETag of an uploaded file, its SHA-256.", 400, 404)
            .Produces(StatusCodes.Status200OK).Produces(StatusCodes.Status304NotModified);
        files.MapDelete("/{name}", Delete)
            .Described("deleteFile", "Deletes an uploaded file; runs that use its content keep it.", 400, 404)
            .Produces(StatusCodes.Status204NoContent);
    }

    private static async Task<IResult> PutAsync(
        string name, HttpRequest http, IFileStore store, ClaimsPrincipal caller, CancellationToken cancellation)
    {
        var known = Parse(name);
        if (store.Refusal is { } refusal)
        {
            return Problems.Of(StatusCodes.Status409Conflict, "FILES_OFF", refusal);
        }

        if (http.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            // The store has its own limits, with their own answers.
            limit.MaxRequestBodySize = null;
        }

        try
        {
            var (file, isNew) = await store.PutAsync(
                known, http.Body, http.ContentLength, HashOf(http), http.Headers.IfNoneMatch == "*",
                AccessPolicies.NameOf(caller), cancellation);
            http.HttpContext.Response.GetTypedHeaders().ETag = TagOf(file);
            return isNew
                ? TypedResults.Created($"/files/{Uri.EscapeDataString(file.Name)}", ViewsOf(store, [file])[0])
                : TypedResults.Ok(ViewsOf(store, [file])[0]);
        }
        catch (FileRefusedException refused)
        {
            return Problems.Of(refused.Status, refused.Code, refused.Message);
        }
    }

    private static async Task<IResult> GetAsync(
        string name, HttpRequest http, IFileStore store, CancellationToken cancellation)
    {
        var known = Parse(name);
        if (store.Find(known) is not { } file)
        {
            return Unknown(known);
        }

        if (HttpMethods.IsHead(http.Method) && store.IsOfRealCloud)
        {
            // Nothing of a bucket is read for an answer that has no body.
            var headers = http.HttpContext.Response.GetTypedHeaders();
            (headers.ETag, headers.LastModified, headers.ContentLength) = (TagOf(file), file.At, file.Bytes);
            http.HttpContext.Response.ContentType = Bytes;
            return TypedResults.Empty;
        }

        try
        {
            // Attached, so that a browser that is led here shows nothing of it.
            return TypedResults.Stream(
                await store.OpenAsync(file, cancellation), Bytes, file.Name, file.At, TagOf(file),
                enableRangeProcessing: true);
        }
        catch (ArtifactException exception)
        {
            return Problems.Of(
                StatusCodes.Status503ServiceUnavailable, "FILES_UNAVAILABLE",
                $"The content of '{known}' cannot be read now: {exception.Message}");
        }
    }

    private static IResult Delete(string name, IFileStore store)
    {
        var known = Parse(name);
        return store.Delete(known) ? TypedResults.NoContent() : Unknown(known);
    }

    private static List<FileView> ViewsOf(IFileStore store, IReadOnlyList<UploadedFile> files)
    {
        var uses = store.UsesOf(files);
        return [.. files.Select(file => new FileView(
            file.Name, UploadReferences.Scheme + file.Name, file.Bytes, file.Sha256, file.At, file.By, uses[file]))];
    }

    private static EntityTagHeaderValue TagOf(UploadedFile file) => new($"\"{file.Sha256}\"");

    private static string Parse(string name) => FileName.TryParse(name, out var known)
        ? known
        : throw new RunRequestException([new FieldError(
            "name", $"'{SafeText.Of(name, 100)}' cannot be the name of a file.", FileName.Rule)]);

    /// <summary>Reads the SHA-256 that the caller wants to be checked; null for none.</summary>
    private static string? HashOf(HttpRequest http)
    {
        var given = http.Headers["Content-Digest"].ToString();
        var start = given.IndexOf(Digest, StringComparison.OrdinalIgnoreCase);
        if (start < 0)
        {
            // Digests of other kinds may be ignored.
            return null;
        }

        var bytes = new byte[32];
        var text = given[(start + Digest.Length)..].Split(':')[0];
        return Convert.TryFromBase64String(text, bytes, out var count) && count == bytes.Length
            ? Convert.ToHexStringLower(bytes)
            : throw new RunRequestException([new FieldError(
                "Content-Digest", $"'{SafeText.Of(given, 100)}' has no SHA-256.",
                "Use sha-256=:BASE64: with 32 bytes, or leave it out.")]);
    }

    private static IResult Unknown(string name) => Problems.Of(
        StatusCodes.Status404NotFound, "FILE_UNKNOWN", $"There is no uploaded file '{name}'.");

    private static void Require(string setting, double gibibytes)
    {
        if (gibibytes is not (>= 0 and <= 1 << 20))
        {
            throw new ServiceStartException(string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"The setting 'Workflows:Uploads:{setting}' cannot be {gibibytes}: use 0 to 1,048,576."));
        }
    }
}
