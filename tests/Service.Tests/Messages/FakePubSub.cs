using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Google.Cloud.PubSub.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Workflows.Service.Tests.Messages;

/// <summary>A broker that fails as a test asks, and writes down what it is told.</summary>
internal sealed class FakePubSub : IAsyncDisposable
{
    private readonly Channel<ReceivedMessage> _waiting = Channel.CreateUnbounded<ReceivedMessage>();
    private readonly Channel<PubsubMessage> _letters = Channel.CreateUnbounded<PubsubMessage>();
    private readonly WebApplication _application;
    private int _count, _published;

    private FakePubSub(int port)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, port, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = null);
        builder.Services.AddSingleton(this);
        _application = builder.Build();
        _application.MapGrpcService<Sub>();
        _application.MapGrpcService<Pub>();
    }

    public string Host => new Uri(_application.Urls.Single()).Authority;

    public bool CanPublish { get; set; } = true;

    /// <summary>Letters that are answered: the next one is kept without an answer, and later ones are not taken, as by
    /// a broker that dies. null for no limit.</summary>
    public int? Answers { get; set; }

    /// <summary>Completes with the letter that was kept without an answer.</summary>
    public TaskCompletionSource<PubsubMessage> Unanswered { get; } =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>First answers of the next streams; each may throw, and null ends the stream.</summary>
    public ConcurrentQueue<Func<StreamingPullResponse?>> NextStreams { get; } = new();

    /// <summary>Faults of the next acknowledgements.</summary>
    public ConcurrentQueue<StatusCode> NextAcknowledgements { get; } = new();

    /// <summary>Streams so far.</summary>
    public int Streams { get; private set; }

    /// <summary>The request of the newest stream.</summary>
    public StreamingPullRequest? Request { get; private set; }

    public ConcurrentQueue<string> Acknowledged { get; } = new();

    public ConcurrentQueue<(string Id, int Seconds)> Delayed { get; } = new();

    /// <param name="port">The port; 0: a free one.</param>
    public static async Task<FakePubSub> StartAsync(int port = 0)
    {
        var broker = new FakePubSub(port);
        await broker._application.StartAsync();
        return broker;
    }

    public string Send(ByteString data, string? messageId = null, string orderingKey = "")
    {
        var id = $"m{Interlocked.Increment(ref _count)}";
        _waiting.Writer.TryWrite(new ReceivedMessage
        {
            AckId = id,
            Message = new PubsubMessage { MessageId = messageId ?? id, Data = data, OrderingKey = orderingKey },
        });
        return id;
    }

    public async Task<PubsubMessage> LetterAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        return await _letters.Reader.ReadAsync(limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _application.DisposeAsync();
    }

    private sealed class Sub(FakePubSub broker) : Subscriber.SubscriberBase
    {
        public override async Task StreamingPull(
            IAsyncStreamReader<StreamingPullRequest> requests, IServerStreamWriter<StreamingPullResponse> answers,
            ServerCallContext context)
        {
            await requests.MoveNext(context.CancellationToken);
            broker.Request = requests.Current;
            broker.Streams++;
            if (broker.NextStreams.TryDequeue(out var next))
            {
                if (next() is not { } first)
                {
                    return;
                }

                await answers.WriteAsync(first);
            }

            await foreach (var message in broker._waiting.Reader.ReadAllAsync(context.CancellationToken))
            {
                await answers.WriteAsync(new StreamingPullResponse { ReceivedMessages = { message } });
            }
        }

        public override Task<Empty> Acknowledge(AcknowledgeRequest request, ServerCallContext context)
        {
            if (broker.NextAcknowledgements.TryDequeue(out var fault))
            {
                throw new RpcException(new Status(fault, "The broker has a fault."));
            }

            broker.Acknowledged.Enqueue(request.AckIds.Single());
            return Task.FromResult(new Empty());
        }

        public override Task<Empty> ModifyAckDeadline(ModifyAckDeadlineRequest request, ServerCallContext context)
        {
            foreach (var id in request.AckIds)
            {
                broker.Delayed.Enqueue((id, request.AckDeadlineSeconds));
            }

            return Task.FromResult(new Empty());
        }
    }

    private sealed class Pub(FakePubSub broker) : Publisher.PublisherBase
    {
        public override async Task<PublishResponse> Publish(PublishRequest request, ServerCallContext context)
        {
            if (!broker.CanPublish)
            {
                throw new RpcException(new Status(StatusCode.NotFound, "Topic not found."));
            }

            var letter = request.Messages.Single();
            var isAnswered = broker.Answers is not { } most || Interlocked.Increment(ref broker._published) <= most;
            if (!isAnswered && !broker.Unanswered.TrySetResult(letter))
            {
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
            }

            broker._letters.Writer.TryWrite(letter);
            if (!isAnswered)
            {
                await Task.Delay(Timeout.Infinite, context.CancellationToken);
            }

            return new PublishResponse { MessageIds = { "letter" } };
        }
    }
}
