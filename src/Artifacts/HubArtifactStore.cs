using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Workflows.Artifacts;

/// <summary>
/// Models and data sets of the Hugging Face Hub, read-only. A whole file goes through the cache that Python's library
/// has on this machine, is resumed where a connection broke, and is checked against the Hub's hash; a part of a file
/// that is not in the cache is read by range.
/// </summary>
public sealed class HubArtifactStore : IArtifactStore, IDisposable
{
    private const int BufferBytes = 1 << 20, MostRedirects = 8;

    /// <summary>Of a file whose host ignores ranges, so much before the wanted part is read and left out.</summary>
    private const long MostSkipped = 16 << 20;

    /// <summary>A revision that is no commit may move; what it stands for is asked for again after this.</summary>
    private static readonly TimeSpan RevisionLife = TimeSpan.FromMinutes(5);

    private readonly HubSettings _settings;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _stall;
    private readonly HubCache _cache;
    private readonly Retry _retry;
    private readonly HttpClient _http;
    private readonly ConcurrentDictionary<
        (string Container, string Revision, bool IsDataSet), (HubListing Listing, long At)> _listings = new();

    /// <summary>Creates the store; nothing is asked for yet.</summary>
    /// <param name="settings">Where and as whom.</param>
    /// <param name="clock">Measures pauses between tries; null: the system's.</param>
    public HubArtifactStore(HubSettings settings, TimeProvider? clock = null)
        : this(settings, clock, TimeSpan.FromSeconds(1))
    {
    }

    internal HubArtifactStore(
        HubSettings settings, TimeProvider? clock, TimeSpan firstPause, TimeSpan? stall = null)
    {
        (_settings, _cache, _clock) = (settings, new HubCache(settings.Cache), clock ?? TimeProvider.System);
        (_retry, _stall) = (new Retry(_clock, firstPause), stall ?? TimeSpan.FromSeconds(60));
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(20),

            // Redirects are followed by hand: the token goes to the Hub alone, never to where its files are.
            AllowAutoRedirect = false,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>
    /// Asks which commit a revision stands for now: what is read by the answer stays the same, wherever the revision
    /// moves.
    /// </summary>
    /// <param name="uri">An artifact or a repository.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The same at the commit.</returns>
    /// <exception cref="ArtifactException">The Hub cannot tell, or will not.</exception>
    public async Task<ArtifactUri> PinAsync(ArtifactUri uri, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(uri);
        _listings.TryRemove(KeyOf(uri), out _);
        var listing = await ListingAsync(uri, cancellation);
        var pinned = uri.AtRevision(listing.Commit);
        _listings[KeyOf(pinned)] = (listing, _clock.GetTimestamp());
        return pinned;
    }

    /// <inheritdoc />
    public async Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation) =>
        (await ListingAsync(uri, cancellation)).Files.TryGetValue(uri.Path, out var file) ? Info(uri, file) : null;

    /// <inheritdoc />
    public async IAsyncEnumerable<ArtifactInfo> ListAsync(
        ArtifactUri folder, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var prefix = folder.Path.Length == 0 ? "" : $"{folder.Path}/";
        foreach (var (name, file) in (await ListingAsync(folder, cancellation)).Files)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                yield return Info(folder.Child(name[prefix.Length..]), file);
            }
        }
    }

    /// <inheritdoc />
    public async Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation)
    {
        var listing = await ListingAsync(uri, cancellation);
        if (!listing.Files.TryGetValue(uri.Path, out var file))
        {
            throw new ArtifactException(
                ArtifactFault.NotFound, $"{uri}", "The repository has no such file.",
                $"It has: {string.Join(", ", listing.Files.Keys.Take(20))}.");
        }

        var length = range.Length ?? Math.Max(0, file.Bytes - range.Offset);
        if (range.Offset < 0 || length < 0 || range.Offset + length > file.Bytes)
        {
            throw Faults.TooShort(uri, range, file.Bytes);
        }

        var path = _cache.Find(uri, listing.Commit);
        if (path is null && !range.IsWhole
            && await ReadRangeAsync(uri, listing.Commit, range.Offset, length, target, cancellation))
        {
            return;
        }

        path ??= await DownloadAsync(uri, listing.Commit, file, cancellation);
        await new FileArtifactStore().ReadAsync(
            ArtifactUri.OfFile(path), new ByteRange(range.Offset, length), target, cancellation);
    }

    /// <summary>Brings a file to the cache.</summary>
    /// <param name="uri">The file.</param>
    /// <param name="cancellation">Cancels the call; the next one goes on.</param>
    /// <returns>Its path in the cache, below the snapshot of its commit.</returns>
    /// <exception cref="ArtifactException">It cannot be had.</exception>
    public async Task<string> EnsureCachedAsync(ArtifactUri uri, CancellationToken cancellation)
    {
        await ReadAsync(uri, new ByteRange(0, 0), Stream.Null, cancellation);
        var listing = await ListingAsync(uri, cancellation);
        return _cache.Find(uri, listing.Commit)
            ?? await DownloadAsync(uri, listing.Commit, listing.Files[uri.Path], cancellation);
    }

    /// <inheritdoc />
    public Task<ArtifactInfo> WriteAsync(
        ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation) =>
        throw Faults.ReadOnly(uri);

    /// <inheritdoc />
    public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation) =>
        throw Faults.ReadOnly(uri);

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    private static (string Container, string Revision, bool IsDataSet) KeyOf(ArtifactUri uri) =>
        (uri.Container, uri.Revision!, uri.IsDataSet);

    private static ArtifactInfo Info(ArtifactUri uri, HubFile file) =>
        new(uri, file.Bytes, 0, Sha256: file.Sha256);

    private async Task<HubListing> ListingAsync(ArtifactUri uri, CancellationToken cancellation)
    {
        var key = KeyOf(uri);
        if (_listings.TryGetValue(key, out var known)
            && (HubListing.IsCommit(uri.Revision!) || _clock.GetElapsedTime(known.At) < RevisionLife))
        {
            return known.Listing;
        }

        var cached = _cache.List(uri);
        if (_settings.IsOffline)
        {
            return cached ?? throw HubFaults.Offline(uri, _settings);
        }

        var address = new Uri(
            _settings.Endpoint, $"/api/{(uri.IsDataSet ? "datasets" : "models")}/{uri.Container}/revision/"
            + $"{Uri.EscapeDataString(uri.Revision!)}?blobs=true");
        byte[] json;
        try
        {
            json = await AskAsync(
                uri, address, null, answer => answer.Content.ReadAsByteArrayAsync(cancellation), cancellation);
        }
        catch (ArtifactException exception) when (exception.Fault == ArtifactFault.Unavailable && cached is not null)
        {
            // As Python's library does: what is here is better than nothing.
            return cached;
        }

        try
        {
            return (_listings[key] = (HubListing.Parse(json), _clock.GetTimestamp())).Listing;
        }
        catch (JsonException exception)
        {
            throw new ArtifactException(
                ArtifactFault.Damaged, $"{uri}", $"The Hub's list of files cannot be read: {exception.Message}.",
                "Check HF_ENDPOINT.", exception);
        }
    }

    private async Task<string> DownloadAsync(
        ArtifactUri uri, string commit, HubFile file, CancellationToken cancellation)
    {
        if (_settings.IsOffline || file.ETag is not { } etag)
        {
            throw HubFaults.Offline(uri, _settings);
        }

        var (blob, incomplete) = _cache.BlobOf(uri, etag);
        if (!File.Exists(blob))
        {
            await FetchAsync(uri, commit, file, incomplete, cancellation);
            if (!await HubCache.IsRightAsync(incomplete, file, cancellation))
            {
                File.Delete(incomplete);
                throw Faults.Damaged(uri, $"What arrived does not have the hash {etag} that the Hub gives.");
            }

            File.Move(incomplete, blob, overwrite: true);
        }

        return _cache.Link(uri, commit, blob);
    }

    /// <summary>Fetches what is missing of a file; each try goes on where the last one broke.</summary>
    private async Task FetchAsync(
        ArtifactUri uri, string commit, HubFile file, string path, CancellationToken cancellation)
    {
        await using var target = new FileStream(
            path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        if (target.Length > file.Bytes)
        {
            target.SetLength(0);
        }

        target.Position = target.Length;
        for (var attempt = 1; target.Length < file.Bytes; attempt++)
        {
            var before = target.Length;
            await using var counted = new TargetStream(target);
            try
            {
                await AskAsync(
                    uri, FileAddress(uri, commit), before == 0 ? null : new RangeHeaderValue(before, null),
                    async answer =>
                    {
                        if (before > 0 && !Continues(answer, before))
                        {
                            // The range was ignored: this is the whole file from its first byte.
                            target.SetLength(0);
                        }

                        await using var body = await answer.Content.ReadAsStreamAsync(cancellation);
                        await CopyAsync(body, counted, file.Bytes - target.Length, cancellation);
                        return true;
                    }, cancellation);
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException
                && counted.Fault is null && !cancellation.IsCancellationRequested)
            {
                if (attempt >= Retry.MostTries)
                {
                    throw HubFaults.Unreachable(uri, _settings, exception);
                }
            }

            if (target.Length < file.Bytes)
            {
                attempt = target.Length > before ? 1 : attempt;
                if (attempt >= Retry.MostTries)
                {
                    throw new ArtifactException(
                        ArtifactFault.Truncated, $"{uri}",
                        $"The Hub ends its answers at {target.Length} of {file.Bytes} bytes.",
                        "Try again later; what has arrived is kept.");
                }

                await _retry.PauseAsync(attempt, null, cancellation);
            }
        }

        target.Flush(flushToDisk: true);
    }

    /// <returns>false: the host of the file ignores ranges, and the part is far inside: read it whole.</returns>
    private async Task<bool> ReadRangeAsync(
        ArtifactUri uri, string commit, long offset, long length, Stream target, CancellationToken cancellation)
    {
        if (_settings.IsOffline)
        {
            throw HubFaults.Offline(uri, _settings);
        }

        if (length == 0)
        {
            return true;
        }

        // Kept apart until it is whole: a try that broke must not leave its bytes in the target.
        using var part = new MemoryStream();
        if (!await TypedAsync(uri, () => _retry.RunAsync(
            _ => AskAsync(
                uri, FileAddress(uri, commit), new RangeHeaderValue(offset, offset + length - 1),
                async answer =>
                {
                    var skipped = Continues(answer, offset) ? 0 : offset;
                    if (skipped > MostSkipped)
                    {
                        return false;
                    }

                    await using var body = await answer.Content.ReadAsStreamAsync(cancellation);
                    part.SetLength(0);
                    await CopyAsync(body, Stream.Null, skipped, cancellation);
                    await CopyAsync(body, part, length, cancellation);
                    return part.Length == length
                        ? true
                        : throw new HttpIOException(HttpRequestError.ResponseEnded, "The answer ended too early.");
                }, cancellation),
            exception => exception is HttpRequestException or IOException, cancellation)))
        {
            return false;
        }

        part.Position = 0;
        await part.CopyToAsync(target, cancellation);
        return true;
    }

    private static async Task<T> TypedAsync<T>(ArtifactUri uri, Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            throw new ArtifactException(
                ArtifactFault.Truncated, $"{uri}", $"The Hub breaks its answers off: {exception.Message}",
                "Try again later.", exception);
        }
    }

    /// <summary>Copies bytes; a connection that stays silent for a minute is taken for a broken one.</summary>
    private async Task CopyAsync(Stream from, Stream to, long length, CancellationToken cancellation)
    {
        var buffer = new byte[(int)Math.Min(BufferBytes, Math.Max(1, length))];
        while (length > 0)
        {
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            silence.CancelAfter(_stall);
            int count;
            try
            {
                count = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, length)), silence.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new HttpIOException(
                    HttpRequestError.ResponseEnded, $"Nothing arrived for {_stall.TotalSeconds:0} seconds.");
            }

            if (count == 0)
            {
                return;
            }

            await to.WriteAsync(buffer.AsMemory(0, count), cancellation);
            length -= count;
        }
    }

    private static bool Continues(HttpResponseMessage answer, long offset) =>
        answer.StatusCode == HttpStatusCode.PartialContent
        && (answer.Content.Headers.ContentRange?.From ?? offset) == offset;

    private Uri FileAddress(ArtifactUri uri, string commit) => new(
        _settings.Endpoint, $"/{(uri.IsDataSet ? "datasets/" : "")}{uri.Container}/resolve/{commit}/"
        + string.Join('/', uri.Path.Split('/').Select(Uri.EscapeDataString)));

    /// <summary>Asks until there is an answer that is no fault; a body that breaks is its reader's matter.</summary>
    private async Task<T> AskAsync<T>(
        ArtifactUri uri, Uri address, RangeHeaderValue? range, Func<HttpResponseMessage, Task<T>> read,
        CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            HttpResponseMessage answer;
            try
            {
                answer = await SendAsync(uri, address, range, cancellation);
            }
            catch (HttpRequestException exception)
            {
                if (attempt >= Retry.MostTries)
                {
                    throw HubFaults.Unreachable(uri, _settings, exception);
                }

                await _retry.PauseAsync(attempt, null, cancellation);
                continue;
            }

            using (answer)
            {
                if (answer.IsSuccessStatusCode)
                {
                    return await read(answer);
                }

                var passes = answer.StatusCode is HttpStatusCode.TooManyRequests
                    or >= HttpStatusCode.InternalServerError;
                if (!passes || attempt >= Retry.MostTries)
                {
                    throw await HubFaults.OfAsync(uri, _settings, answer, cancellation);
                }

                await _retry.PauseAsync(attempt, answer.Headers.RetryAfter?.Delta, cancellation);
            }
        }
    }

    private async Task<HttpResponseMessage> SendAsync(
        ArtifactUri uri, Uri address, RangeHeaderValue? range, CancellationToken cancellation)
    {
        for (var redirects = 0; redirects <= MostRedirects; redirects++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.Range = range;
            request.Headers.UserAgent.ParseAdd("workflows");
            request.Headers.AcceptEncoding.ParseAdd("identity");
            if (_settings.Token is { } token && Uri.Compare(
                address, _settings.Endpoint, UriComponents.SchemeAndServer, UriFormat.Unescaped,
                StringComparison.OrdinalIgnoreCase) == 0)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }

            var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308)
                || answer.Headers.Location is not { } location)
            {
                return answer;
            }

            answer.Dispose();
            address = new Uri(address, location);
        }

        throw new ArtifactException(
            ArtifactFault.Refused, $"{uri}", $"The Hub redirects more than {MostRedirects} times.",
            "Check HF_ENDPOINT.");
    }
}
