using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Workflows.Artifacts;

/// <summary>
/// Reads models and data sets of the Hugging Face Hub. A whole file goes through the cache of Python's library on this
/// machine, resumes where a connection broke, and is checked against the Hub's hash; a part of a file that is not in
/// the cache is read by range.
/// </summary>
public sealed partial class HubArtifactStore : IArtifactStore, IDisposable
{
    private const int BufferBytes = 1 << 20, MostRedirects = 8;

    /// <summary>Most bytes of a list of files; that of a data set of 100,000 files has about 20 MB.</summary>
    private const long MostListed = 64 << 20;

    /// <summary>Most bytes before the requested part that are read and dropped, if a file's host ignores
    /// ranges.</summary>
    private const long MostSkipped = 16 << 20;

    /// <summary>Time after which a revision that is no commit, and so may move, is resolved again.</summary>
    private static readonly TimeSpan RevisionLife = TimeSpan.FromMinutes(5);

    private readonly HubSettings _settings;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _stall;
    private readonly HubCache _cache;
    private readonly Retry _retry;
    private readonly HttpClient _http;
    private readonly ConcurrentDictionary<
        (string Container, string Revision, bool IsDataSet), (HubListing Listing, long At)> _listings = new();

    /// <summary>Creates the store, without any request.</summary>
    /// <param name="settings">Address, token and cache.</param>
    /// <param name="clock">Measures pauses between tries; null for the system's.</param>
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

            // Redirects are followed by hand: the token is sent to the Hub only, never to the hosts of its files.
            AllowAutoRedirect = false,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>
    /// Resolves a revision to the commit that it stands for now. Reads at the commit stay the same when the revision
    /// moves.
    /// </summary>
    /// <param name="uri">An artifact or a repository.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The same address at the commit.</returns>
    /// <exception cref="ArtifactException">The Hub does not answer, or refuses.</exception>
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

    /// <summary>Downloads a file to the cache.</summary>
    /// <param name="uri">The file.</param>
    /// <param name="cancellation">Cancels the call; the next one continues.</param>
    /// <returns>Its path in the cache, below the snapshot of its commit.</returns>
    /// <exception cref="ArtifactException">The file cannot be downloaded.</exception>
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
            json = await TypedAsync(uri, () => _retry.RunAsync(
                _ => AskAsync(uri, address, null, answer => ReadListAsync(uri, answer, cancellation), cancellation),
                exception => exception is HttpRequestException or IOException, cancellation));
        }
        catch (ArtifactException exception) when (
            exception.Fault is ArtifactFault.Unavailable or ArtifactFault.Truncated && cached is not null)
        {
            // As in Python's library, a cached file is used when the Hub is unreachable.
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

    private static bool Continues(HttpResponseMessage answer, long offset) =>
        answer.StatusCode == HttpStatusCode.PartialContent
        && (answer.Content.Headers.ContentRange?.From ?? offset) == offset;

    private Uri FileAddress(ArtifactUri uri, string commit) => new(
        _settings.Endpoint, $"/{(uri.IsDataSet ? "datasets/" : "")}{uri.Container}/resolve/{commit}/"
        + string.Join('/', uri.Path.Split('/').Select(Uri.EscapeDataString)));

    /// <summary>Sends a request until the answer is no fault; its reader handles a body that breaks off.</summary>
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

            var answer = await HeadersAsync(request, cancellation);
            if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308)
                || answer.Headers.Location is not { } location)
            {
                return answer;
            }

            answer.Dispose();
            address = new Uri(address, location);
            if (address.Scheme is not ("http" or "https"))
            {
                throw new ArtifactException(
                    ArtifactFault.Refused, $"{uri}", $"The Hub redirects to an address of '{address.Scheme}:'.",
                    "Check HF_ENDPOINT.");
            }
        }

        throw new ArtifactException(
            ArtifactFault.Refused, $"{uri}", $"The Hub redirects more than {MostRedirects} times.",
            "Check HF_ENDPOINT.");
    }

    /// <summary>Waits for the headers of an answer; a host that is silent for a minute counts as broken.</summary>
    private async Task<HttpResponseMessage> HeadersAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        silence.CancelAfter(_stall);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, silence.Token);
        }
        catch (OperationCanceledException exception) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException(
                HttpRequestError.ResponseEnded, $"No answer came for {_stall.TotalSeconds:0} seconds.", exception);
        }
    }
}
