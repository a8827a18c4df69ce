using System.Net.Http.Headers;

namespace Workflows.Artifacts;

/// <summary>Transfers the bytes of files: whole files into the cache, parts directly to their reader.</summary>
public sealed partial class HubArtifactStore
{
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

    /// <summary>Fetches the missing bytes of a file; each try continues where the last one broke.</summary>
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

    /// <returns>false if the file's host ignores ranges, and the part is far inside the file: read it whole.</returns>
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

        // Buffered until it is complete: a failed try must not leave its bytes in the target.
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

    /// <summary>Reads a list of files whole.</summary>
    private async Task<byte[]> ReadListAsync(
        ArtifactUri uri, HttpResponseMessage answer, CancellationToken cancellation)
    {
        using var list = new MemoryStream();
        await using var body = await answer.Content.ReadAsStreamAsync(cancellation);
        await CopyAsync(body, list, MostListed + 1, cancellation);
        return list.Length <= MostListed
            ? list.ToArray()
            : throw new ArtifactException(
                ArtifactFault.Damaged, $"{uri}", $"The Hub's list of files has more than {MostListed >> 20} MiB.",
                "Check HF_ENDPOINT.");
    }

    /// <summary>Copies bytes; a connection that is silent for a minute counts as broken.</summary>
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
}
