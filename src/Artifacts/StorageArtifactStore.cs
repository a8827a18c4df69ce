using System.Net;
using System.Runtime.CompilerServices;
using Google;
using Google.Apis.Auth.OAuth2.Responses;
using Google.Apis.Http;
using Google.Cloud.Storage.V1;
using Workflows.GoogleCloud.Connections;

using GcsObject = Google.Apis.Storage.v1.Data.Object;

namespace Workflows.Artifacts;

/// <summary>
/// Stores artifacts in buckets of Cloud Storage, with Google's own client. Uploads are resumable, and stream through a
/// few small buffers; downloads continue where a connection broke, at the version with which they began; both are
/// checked by CRC-32C. Credentials are loaded at the first call; an emulator receives none.
/// </summary>
public sealed class StorageArtifactStore : IArtifactStore, IDisposable
{
    /// <summary>Variable that names an emulator, <c>HOST:PORT</c>, as in Google's clients.</summary>
    public const string EmulatorVariable = "STORAGE_EMULATOR_HOST";

    /// <summary>Bytes that are passed on at once; bytes beyond them that a broken connection had are requested
    /// again.</summary>
    private const int ReadBytes = 1 << 20;

    /// <summary>Fields of an object that are asked for: what is not asked for need not be computed or sent.</summary>
    private const string Fields = "name,size,generation,crc32c";

    private readonly Uri? _emulator;
    private readonly Retry _retry;
    private readonly SemaphoreSlim _gate = new(1);
    private StorageClient? _client;
    private HttpClient? _uploads;

    /// <summary>Creates the store, without any request.</summary>
    /// <param name="emulator">
    /// Address of an emulator, http; null for the variable STORAGE_EMULATOR_HOST, or else Google.
    /// </param>
    /// <param name="patience">Time for which an unreachable store is retried; default: half a minute.</param>
    public StorageArtifactStore(Uri? emulator = null, TimeSpan patience = default)
        : this(
            emulator ?? EmulatorOf(Environment.GetEnvironmentVariable(EmulatorVariable)), TimeProvider.System,
            TimeSpan.FromSeconds(0.5), patience)
    {
    }

    internal StorageArtifactStore(
        Uri? emulator, TimeProvider clock, TimeSpan firstPause, TimeSpan patience = default) =>
        (_emulator, _retry) = (emulator, new Retry(clock, firstPause, patience));

    /// <inheritdoc />
    public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
        CallAsync(uri, async (client, _) =>
        {
            try
            {
                return Info(uri, await GetAsync(client, uri, cancellation));
            }
            catch (GoogleApiException exception) when (StorageFaults.IsMissingObject(exception))
            {
                return null;
            }
        }, cancellation);

    /// <inheritdoc />
    public async IAsyncEnumerable<ArtifactInfo> ListAsync(
        ArtifactUri folder, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var prefix = folder.Path.Length == 0 ? "" : $"{folder.Path}/";
        string? page = null;
        do
        {
            var token = page;
            var found = await CallAsync(folder, async (client, _) =>
            {
                var request = client.Service.Objects.List(folder.Container);
                (request.Prefix, request.PageToken, request.MaxResults) = (prefix, token, 1000);
                request.Fields = $"nextPageToken,items({Fields})";
                return await request.ExecuteAsync(cancellation);
            }, cancellation);

            // Names that end with a slash are folders made by the console: they have no content.
            foreach (var item in (found.Items ?? []).Where(item => !item.Name.EndsWith('/')))
            {
                yield return Info(folder.Child(item.Name[prefix.Length..]), item);
            }

            page = found.NextPageToken;
        }
        while (page is not null);
    }

    /// <inheritdoc />
    public async Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation)
    {
        var known = await FindAsync(uri, cancellation) ?? throw Missing(uri);
        var length = range.Length ?? Math.Max(0, known.Bytes - range.Offset);
        if (range.Offset < 0 || length < 0 || range.Offset + length > known.Bytes)
        {
            throw Faults.TooShort(uri, range, known.Bytes);
        }

        using var counted = new TargetStream(target);
        var begun = _retry.Begin();
        for (var (attempt, before) = (1, 0L); counted.Count < length; attempt++)
        {
            // Received bytes count as progress: a long download may break more often than a short one.
            if (counted.Count > before)
            {
                (attempt, before, begun) = (1, counted.Count, _retry.Begin());
            }

            try
            {
                await DownloadAsync(
                    uri, known.Generation, range.Offset + counted.Count, range.Offset + length - 1, counted,
                    cancellation);
                if (counted.Count < length)
                {
                    throw new HttpIOException(HttpRequestError.ResponseEnded, "The answer ended too early.");
                }
            }
            catch (Exception exception) when (exception is not ArtifactException)
            {
                Rethrow(counted.Fault, exception, cancellation);
                if (_retry.IsOver(attempt, begun) || !StorageFaults.IsTransient(exception))
                {
                    throw StorageFaults.Typed(uri, exception);
                }

                await _retry.PauseAsync(attempt, null, cancellation);
            }
        }

        if (range.IsWhole && known.Crc32C is { } crc && crc != counted.Checksum)
        {
            throw Faults.Damaged(uri, "The bytes that arrived do not have the CRC-32C that Cloud Storage gives.");
        }
    }

    /// <inheritdoc />
    public async Task<ArtifactInfo> WriteAsync(
        ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation)
    {
        using var source = new SourceStream(content);
        var written = await CallAsync(
            uri, (client, attempt) => UploadAsync(client, uri, source, condition, attempt, cancellation), cancellation,
            source);
        if (written.Bytes == source.Length && (written.Crc32C ?? source.Checksum) == source.Checksum)
        {
            return written with { Sha256 = source.Sha256 };
        }

        await DeleteAsync(uri, written.Generation, cancellation);
        throw Faults.Damaged(uri, "Cloud Storage has another CRC-32C for it than the bytes that were sent.");
    }

    /// <inheritdoc />
    public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation) =>
        CallAsync(uri, async (client, _) =>
        {
            try
            {
                await client.DeleteObjectAsync(
                    uri.Container, uri.Path, new DeleteObjectOptions { IfGenerationMatch = generation }, cancellation);
                return true;
            }
            catch (GoogleApiException exception) when (StorageFaults.IsMissingObject(exception))
            {
                return false;
            }
        }, cancellation);

    /// <summary>Returns the location of a bucket.</summary>
    /// <param name="uri">The bucket, or an artifact in it.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>A region or a larger location in lower case, such as <c>us-central1</c> or <c>eu</c>.</returns>
    /// <exception cref="ArtifactException">The bucket does not exist, or this program may not read its
    /// location.</exception>
    public Task<string> LocationOfAsync(ArtifactUri uri, CancellationToken cancellation) =>
        CallAsync(
            uri, async (client, _) =>
                (await client.GetBucketAsync(uri.Container, null, cancellation)).Location?.ToLowerInvariant() ?? "",
            cancellation);

    /// <summary>Creates a bucket, for an emulator or a test; does nothing if it exists.</summary>
    /// <param name="bucket">Its name.</param>
    /// <param name="project">Id of the project that it belongs to.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>A task that completes when the bucket exists.</returns>
    /// <exception cref="ArtifactException">It was not created.</exception>
    public Task CreateBucketAsync(string bucket, string project, CancellationToken cancellation) =>
        CallAsync(ArtifactUri.Parse($"gs://{bucket}"), async (client, _) =>
        {
            try
            {
                await client.CreateBucketAsync(project, bucket, null, cancellation);
                return true;
            }
            catch (GoogleApiException exception) when (exception.HttpStatusCode == HttpStatusCode.Conflict)
            {
                return false;
            }
        }, cancellation);

    /// <inheritdoc />
    public void Dispose()
    {
        _client?.Dispose();
        _uploads?.Dispose();
        _gate.Dispose();
    }

    private static Uri? EmulatorOf(string? host) => string.IsNullOrEmpty(host)
        ? null
        : new Uri(host.Contains("://", StringComparison.Ordinal) ? host : $"http://{host}");

    private async Task<ArtifactInfo> UploadAsync(
        StorageClient client, ArtifactUri uri, SourceStream source, WriteCondition condition, int attempt,
        CancellationToken cancellation)
    {
        source.Position = 0;
        var options = new UploadObjectOptions
        {
            IfGenerationMatch = condition.Generation,

            // The checksum is compared here, over all tries.
            UploadValidationMode = UploadValidationMode.None,
        };
        var upload = client.CreateObjectUploader(
            new GcsObject { Bucket = uri.Container, Name = uri.Path, ContentType = "application/octet-stream" },
            source, options);
        upload.Fields = Fields;
        try
        {
            var session = await upload.InitiateSessionAsync(cancellation);
            return Info(
                uri, await new StorageUpload(_uploads!, client.Service, session, source).SendAsync(cancellation));
        }
        catch (GoogleApiException exception) when (
            attempt > 1 && StorageFaults.IsChanged(exception) && source.IsHashed)
        {
            // The answer to an earlier try may have been lost: if the object equals the bytes sent, that try wrote it.
            var there = Info(uri, await GetAsync(client, uri, cancellation));
            if (there.Bytes == source.Length && there.Crc32C == source.Checksum)
            {
                return there;
            }

            throw;
        }
    }

    private async Task DownloadAsync(
        ArtifactUri uri, long generation, long first, long last, Stream target, CancellationToken cancellation)
    {
        var client = await ClientAsync(cancellation);
        await client.DownloadObjectAsync(
            uri.Container, uri.Path, target,
            new DownloadObjectOptions
            {
                Generation = generation,
                ChunkSize = ReadBytes,
                Range = new System.Net.Http.Headers.RangeHeaderValue(first, last),

                // The hash of the answer is that of the whole object.
                DownloadValidationMode = DownloadValidationMode.Never,
            }, cancellation);
    }

    private async Task<T> CallAsync<T>(
        ArtifactUri uri, Func<StorageClient, int, Task<T>> call, CancellationToken cancellation,
        SourceStream? source = null)
    {
        try
        {
            var client = await ClientAsync(cancellation);
            return await _retry.RunAsync(
                attempt => call(client, attempt),
                exception => source?.Fault is null && StorageFaults.IsTransient(exception), cancellation);
        }
        catch (Exception exception) when (exception is not ArtifactException)
        {
            Rethrow(source?.Fault, exception, cancellation);
            throw StorageFaults.Typed(uri, exception);
        }
    }

    /// <summary>Rethrows exceptions that are no fault of the store: a cancelled call, or a stream of the
    /// caller.</summary>
    private static void Rethrow(Exception? ofStream, Exception exception, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (ofStream is not null)
        {
            throw new IOException(ofStream.Message, ofStream);
        }

        if (exception is not (GoogleApiException or HttpRequestException or IOException or InvalidOperationException
            or OperationCanceledException or TokenResponseException))
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(exception);
        }
    }

    private static Task<GcsObject> GetAsync(StorageClient client, ArtifactUri uri, CancellationToken cancellation)
    {
        var request = client.Service.Objects.Get(uri.Container, uri.Path);
        request.Fields = Fields;
        return request.ExecuteAsync(cancellation);
    }

    private static ArtifactException Missing(ArtifactUri uri) => new(
        ArtifactFault.NotFound, $"{uri}", "There is no such object.",
        $"Look with 'gcloud storage ls gs://{uri.Container}'.");

    private static ArtifactInfo Info(ArtifactUri uri, GcsObject found) => new(
        uri, (long)(found.Size ?? 0), found.Generation ?? 0, Crc32C.Parse(found.Crc32c));

    private async Task<StorageClient> ClientAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            return _client ??= await ConnectAsync(cancellation);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Connects, with the credentials of the handler that all clients of Google's services use.</summary>
    private async Task<StorageClient> ConnectAsync(CancellationToken cancellation)
    {
        var credentials = _emulator is null ? await GoogleCredentials.FindAsync(null, cancellation) : null;
        _uploads ??= new HttpClient(Handler()) { Timeout = Timeout.InfiniteTimeSpan };
        return await new StorageClientBuilder
        {
            BaseUri = _emulator is null ? null : new Uri(_emulator, "/storage/v1/").AbsoluteUri,
            UnauthenticatedAccess = true,
            HttpClientFactory = new HttpClientFromMessageHandlerFactory(
                _ => new HttpClientFromMessageHandlerFactory.ConfiguredHttpMessageHandler(
                    Handler(), performsAutomaticDecompression: false, handlesRedirect: false)),
        }.BuildAsync(cancellation);

        GoogleHttpHandler Handler() => new(credentials, new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(20),
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            AllowAutoRedirect = false,
        });
    }
}
