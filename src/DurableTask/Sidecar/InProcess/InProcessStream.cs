using System.Threading.Channels;
using Grpc.Core;

namespace Workflows.DurableTask.Sidecar;

/// <summary>The messages of one streaming call on their way to the caller, in order.</summary>
internal sealed class InProcessStream<T> : IServerStreamWriter<T>, IAsyncStreamReader<T>
    where T : class
{
    private readonly Channel<T> _messages = Channel.CreateUnbounded<T>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private T? _current;

    public WriteOptions? WriteOptions { get; set; }

    public T Current => _current ?? throw new InvalidOperationException("There is no current message.");

    public Task WriteAsync(T message)
    {
        _messages.Writer.TryWrite(message);
        return Task.CompletedTask;
    }

    public Task WriteAsync(T message, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : WriteAsync(message);

    public void End(Exception? error) => _messages.Writer.TryComplete(error);

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        try
        {
            while (!_messages.Reader.TryRead(out _current))
            {
                if (!await _messages.Reader.WaitToReadAsync(cancellationToken))
                {
                    return false;
                }
            }

            return true;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "Call canceled by the client."));
        }
    }
}
