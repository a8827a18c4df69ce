using System.Threading.Channels;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Workers;

/// <summary>Queues the messages to one worker.</summary>
internal sealed class Connection
{
    // A worker that reads nothing must not fill the memory; it reconnects and receives its jobs again.
    private const int MostWaiting = 1000;

    private readonly Channel<GatewayMessage> _queue = Channel.CreateBounded<GatewayMessage>(MostWaiting);

    public ChannelReader<GatewayMessage> Outgoing => _queue.Reader;

    public void Send(GatewayMessage message)
    {
        if (!_queue.Writer.TryWrite(message))
        {
            Close();
        }
    }

    public void Close() => _queue.Writer.TryComplete();
}
