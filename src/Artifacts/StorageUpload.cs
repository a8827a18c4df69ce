using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Google;
using Google.Apis.Services;
using Workflows.GoogleCloud.Connections;

using GcsObject = Google.Apis.Storage.v1.Data.Object;

namespace Workflows.Artifacts;

/// <summary>
/// Sends the bytes of an upload session that Google's client began. That client holds each part in memory, and reads
/// the next one only after the answer to the one before; this one streams large parts from two small buffers, and
/// reads and hashes while it sends. After a fault it asks where the session stands, and goes on there.
/// </summary>
/// <param name="http">Sends the requests, without a limit of their time.</param>
/// <param name="service">Reads answers and errors.</param>
/// <param name="session">The session's address.</param>
/// <param name="source">The bytes of the object.</param>
internal sealed class StorageUpload(HttpClient http, IClientService service, Uri session, SourceStream source)
{
    /// <summary>Bytes of one request: a multiple of 256 KiB, and the most that an early refusal wastes.</summary>
    private const int PartBytes = 64 << 20;

    private const int BufferBytes = 1 << 20;

    /// <summary>Time without a byte sent, or without an answer, after which a connection counts as broken.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(100);

    /// <summary>Sends all bytes.</summary>
    /// <param name="cancellation">Cancels the upload.</param>
    /// <returns>The object.</returns>
    /// <exception cref="GoogleApiException">The store refused the bytes.</exception>
    /// <exception cref="HttpRequestException">The connection broke too often without any progress.</exception>
    /// <exception cref="IOException">The same, the session is lost, or the source cannot be read.</exception>
    public async Task<GcsObject> SendAsync(CancellationToken cancellation)
    {
        var (at, most) = (0L, 0L);
        Exception? broken = null;
        for (var tries = 0; ; tries++)
        {
            // A store that has all bytes is asked, too: its answer, the object, was lost or is still to come.
            var asks = broken is not null || at == source.Length;
            try
            {
                var (written, received) = await PutAsync(asks ? null : at, cancellation);
                if (written is not null)
                {
                    return written;
                }

                (at, tries) = (received, received > most ? 0 : tries);
                most = Math.Max(most, at);
            }
            catch (Exception exception) when (source.Fault is null && !cancellation.IsCancellationRequested
                && exception is not LostSessionException && StorageFaults.IsTransient(exception)
                && tries < Retry.MostTries && (most > 0 || !asks))
            {
                broken = exception;
                await Task.Delay(TimeSpan.FromSeconds(0.25 * tries), cancellation);
                continue;
            }

            if (tries >= Retry.MostTries || (broken is not null && most == 0))
            {
                // If nothing has arrived, nothing is lost by another session.
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(broken ?? new HttpIOException(
                    HttpRequestError.InvalidResponse, "The store takes no bytes, and does not say why."));
            }

            broken = null;
        }
    }

    /// <summary>Sends one part, or asks where the session stands.</summary>
    /// <param name="at">The part's position; null to ask.</param>
    /// <param name="cancellation">Cancels the request.</param>
    /// <returns>The object if it is complete; otherwise the bytes that the store has.</returns>
    private async Task<(GcsObject? Written, long Received)> PutAsync(long? at, CancellationToken cancellation)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        silence.CancelAfter(Silence);
        using var request = new HttpRequestMessage(HttpMethod.Put, session);
        if (at is { } first)
        {
            var count = Math.Min(PartBytes, source.Length - first);
            request.Content = new PartContent(source, first, count, () => silence.CancelAfter(Silence));
            request.Content.Headers.ContentRange = new ContentRangeHeaderValue(
                first, first + count - 1, source.Length);
        }
        else
        {
            request.Content = new ByteArrayContent([]);
            request.Content.Headers.ContentRange = new ContentRangeHeaderValue(source.Length);
        }

        try
        {
            using var answer = await http.SendAsync(request, silence.Token);
            return answer.StatusCode switch
            {
                HttpStatusCode.OK or HttpStatusCode.Created =>
                    (await service.DeserializeResponse<GcsObject>(answer), source.Length),
                HttpStatusCode.PermanentRedirect => (null, ReceivedOf(answer)),

                HttpStatusCode.NotFound or HttpStatusCode.Gone => throw new LostSessionException(),
                _ => throw await RefusalAsync(answer),
            };
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpIOException(
                HttpRequestError.ResponseEnded, $"Nothing moved for {Silence.TotalSeconds:0} seconds.");
        }
    }

    /// <summary>Reads <c>Range: bytes=0-LAST</c>, which is absent while the store has nothing.</summary>
    private long ReceivedOf(HttpResponseMessage answer)
    {
        var range = answer.Headers.TryGetValues("Range", out var values)
            || answer.Content.Headers.TryGetValues("Range", out values) ? values.First() : null;
        if (range is null)
        {
            return 0;
        }

        return range.StartsWith("bytes=0-", StringComparison.Ordinal)
            && long.TryParse(range["bytes=0-".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
            && last < source.Length
                ? last + 1
                : throw new HttpIOException(
                    HttpRequestError.InvalidResponse, $"The store claims the bytes '{range}' of {source.Length}.");
    }

    private async Task<GoogleApiException> RefusalAsync(HttpResponseMessage answer)
    {
        var refusal = new GoogleApiException(service.Name) { HttpStatusCode = answer.StatusCode };
        try
        {
            refusal.Error = await service.DeserializeError(answer);
        }
        catch (GoogleApiException)
        {
            // The body is no error in Google's form, such as a proxy's page: the status is all there is to say.
        }

        return refusal;
    }

    /// <summary>The session has expired or was lost; another one can still succeed.</summary>
    private sealed class LostSessionException() : IOException("The store does not know the upload session any more.");

    /// <summary>The bytes of one part.</summary>
    private sealed class PartContent(SourceStream source, long first, long count, Action moved) : HttpContent
    {
        protected override bool TryComputeLength(out long length)
        {
            length = count;
            return true;
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(
            Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            source.Position = first;
            var left = count;
            await OverlappedCopy.RunAsync(
                async (buffer, stop) =>
                {
                    var read = await source.ReadAsync(buffer[..(int)Math.Min(buffer.Length, left)], stop);
                    left -= read;
                    return read;
                },
                async (bytes, stop) =>
                {
                    await stream.WriteAsync(bytes, stop);
                    moved();
                },
                BufferBytes, cancellationToken);
        }
    }
}
