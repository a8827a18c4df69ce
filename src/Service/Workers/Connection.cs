using System.Threading.Channels;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Workers;

/// <summary>Queues the messages to one worker.</summary>
internal sealed class Connection
{
    private readonly Channel<GatewayMessage> _queue = Channel.CreateUnbounded<GatewayMessage>();

    public ChannelReader<GatewayMessage> Outgoing => _queue.Reader;

    public void Send(GatewayMessage message) => _queue.Writer.TryWrite(message);

    public void Close() => _queue.Writer.TryComplete();
}
