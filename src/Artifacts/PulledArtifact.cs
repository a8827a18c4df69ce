using System.IO.Pipelines;

namespace Workflows.Artifacts;

/// <summary>
/// Passes on an artifact of any store to a reader who takes it piece by piece, from any place, with a megabyte of it in
/// memory. Nothing is read before the first byte is wanted. <b>Invariant:</b> the last byte of a whole artifact is
/// passed on only once the store has checked all of it.
/// </summary>
/// <param name="store">The store.</param>
/// <param name="uri">The artifact.</param>
/// <param name="bytes">Its size.</param>
internal sealed class PulledArtifact(IArtifactStore store, ArtifactUri uri, long bytes) : ReadOnlyStream(bytes)
{
    /// <summary>Bytes that the store may be ahead of the reader.</summary>
    private const int MostAhead = 1 << 20;

    private readonly CancellationTokenSource _stop = new();
    private Pipe? _pipe;
    private Task _pulling = Task.CompletedTask;
    private long _pulledTo;
    private bool _isDisposed;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= Length || buffer.Length == 0)
        {
            return 0;
        }

        if (_pipe is null)
        {
            (_pipe, _pulledTo) = (new Pipe(new PipeOptions(
                pauseWriterThreshold: MostAhead, resumeWriterThreshold: MostAhead / 2,
                useSynchronizationContext: false)), Position);
            _pulling = PullAsync(_pipe.Writer, Position);
        }

        if (_pulledTo != Position)
        {
            throw new InvalidOperationException("It is read from one place on.");
        }

        var result = await _pipe.Reader.ReadAsync(cancellationToken);
        var count = (int)Math.Min(Math.Min(buffer.Length, Length - Position), result.Buffer.Length);
        var piece = result.Buffer.Slice(0, count);
        var at = 0;
        foreach (var part in piece)
        {
            part.Span.CopyTo(buffer.Span[at..]);
            at += part.Length;
        }

        _pipe.Reader.AdvanceTo(piece.End);
        Position = _pulledTo += count;
        if (count == 0)
        {
            throw Faults.Damaged(uri, $"It ended at byte {Position} of {Length}: it changed while it was read.");
        }

        // The end throws for bytes that are not those that the store has kept.
        if (Position == Length && !(await _pipe.Reader.ReadAsync(cancellationToken)).Buffer.IsEmpty)
        {
            throw Faults.Damaged(uri, $"It has more than {Length} bytes: it changed while it was read.");
        }

        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_isDisposed)
        {
            _isDisposed = true;
            _stop.Cancel();
            _pipe?.Reader.Complete();

            // A reader that has gone does not hear how the reading ended.
            _pulling.ContinueWith(
                done =>
                {
                    _ = done.Exception;
                    _stop.Dispose();
                },
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        base.Dispose(disposing);
    }

    private async Task PullAsync(PipeWriter writer, long from)
    {
        Exception? fault = null;
        try
        {
            await store.ReadAsync(
                uri, from == 0 ? ByteRange.Whole : new ByteRange(from, Length - from), writer.AsStream(leaveOpen: true),
                _stop.Token);
        }
        catch (Exception exception)
        {
            fault = exception;
            throw;
        }
        finally
        {
            await writer.CompleteAsync(fault);
        }
    }
}
