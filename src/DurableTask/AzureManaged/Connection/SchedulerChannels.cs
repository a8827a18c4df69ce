using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;

namespace Microsoft.DurableTask.Connection;

/// <summary>The channels to a host's schedulers, one for each endpoint; disposed with the host's services.</summary>
internal sealed class SchedulerChannels(TimeProvider? time = null) : IDisposable
{
    private readonly ConcurrentDictionary<SchedulerEndpoint, Lazy<Entry>> _channels = new();

    public GrpcChannel Get(SchedulerEndpoint endpoint) => _channels.GetOrAdd(
        endpoint, key => new Lazy<Entry>(() => Open(key, time ?? TimeProvider.System))).Value.Channel;

    public void Dispose()
    {
        foreach (Lazy<Entry> entry in _channels.Values)
        {
            if (entry.IsValueCreated)
            {
                entry.Value.Channel.Dispose();
                entry.Value.Tokens?.Dispose();
            }
        }

        _channels.Clear();
    }

    private static Entry Open(SchedulerEndpoint endpoint, TimeProvider time)
    {
        AccessTokenCache? tokens = endpoint.Credential is { } credential
            ? new AccessTokenCache(credential, endpoint.ResourceId, time)
            : null;
        CallCredentials headers = CallCredentials.FromInterceptor(async (context, metadata) =>
        {
            metadata.Add("taskhub", endpoint.TaskHub);
            metadata.Add("x-user-agent", UserAgent(endpoint.Caller));
            if (endpoint.WorkerId is { } worker)
            {
                metadata.Add("workerid", worker);
            }

            if (tokens is not null)
            {
                metadata.Add("Authorization", $"Bearer {await tokens.GetAsync(context.CancellationToken)}");
            }
        });
        ChannelCredentials transport = endpoint.Uri.Scheme == "https"
            ? ChannelCredentials.SecureSsl
            : ChannelCredentials.Insecure;
        GrpcChannel channel = GrpcChannel.ForAddress(endpoint.Uri, new GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Create(transport, headers),
            // Without TLS there is either no token, or the options allow to send it.
            UnsafeUseInsecureChannelCallCredentials = endpoint.Uri.Scheme == "http",
            MaxReceiveMessageSize = null,
            MaxSendMessageSize = null,
            HttpHandler = new SocketsHttpHandler
            {
                EnableMultipleHttp2Connections = true,
                KeepAlivePingDelay = TimeSpan.FromSeconds(30),
                KeepAlivePingTimeout = TimeSpan.FromSeconds(30),
            },
            DisposeHttpClient = true,
            ServiceConfig = new ServiceConfig
            {
                MethodConfigs = { new MethodConfig { Names = { MethodName.Default }, RetryPolicy = endpoint.Retry } },
            },
        });
        return new Entry(channel, tokens);
    }

    private static string UserAgent(string caller) =>
        $"workflows-durabletask/{typeof(SchedulerChannels).Assembly.GetName().Version} ({caller})";

    private sealed record Entry(GrpcChannel Channel, AccessTokenCache? Tokens);
}
