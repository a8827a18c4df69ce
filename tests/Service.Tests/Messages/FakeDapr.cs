using System.Collections.Concurrent;
using System.Net;
using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Workflows.Service.Tests.Messages;

/// <summary>A Dapr sidecar of a test, as Dapr.Client speaks to it: topics and secrets.</summary>
internal sealed class FakeDapr : IAsyncDisposable
{
    private const string Service = "dapr.proto.runtime.v1.Dapr";

    private readonly WebApplication _application;
    private int _refused;

    private FakeDapr()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Logging.ClearProviders();
        builder.Services.AddGrpc();
        _application = builder.Build();
        _application.MapGrpcService(ServerServiceDefinition.CreateBuilder()
            .AddMethod(Method<PublishEventRequest, Empty>("PublishEvent"), (request, _) =>
            {
                if (IsAway)
                {
                    Interlocked.Increment(ref _refused);
                    throw new RpcException(new Status(StatusCode.Unavailable, "The broker is away."));
                }

                Published.Enqueue(request);
                return Task.FromResult(new Empty());
            })
            .AddMethod(Method<GetSecretRequest, GetSecretResponse>("GetSecret"), (request, _) =>
            {
                if (!Secrets.TryGetValue(request.Key, out var fields))
                {
                    throw new RpcException(new Status(StatusCode.Internal, $"secret {request.Key} not found"));
                }

                var answer = new GetSecretResponse();
                answer.Data.Add(fields);
                return Task.FromResult(answer);
            }).Build());
    }

    public Uri Address => new(_application.Urls.First());

    /// <summary>Gets or sets a value indicating whether nothing can be published.</summary>
    public bool IsAway { get; set; }

    /// <summary>Gets the number of events that were refused.</summary>
    public int Refused => Volatile.Read(ref _refused);

    public ConcurrentQueue<PublishEventRequest> Published { get; } = new();

    /// <summary>Gets the fields of each secret.</summary>
    public Dictionary<string, Dictionary<string, string>> Secrets { get; } = new(StringComparer.Ordinal);

    public static async Task<FakeDapr> StartAsync()
    {
        var sidecar = new FakeDapr();
        await sidecar._application.StartAsync(TestContext.Current.CancellationToken);
        return sidecar;
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private static Method<TRequest, TAnswer> Method<TRequest, TAnswer>(string name)
        where TRequest : class, IMessage<TRequest>, new()
        where TAnswer : class, IMessage<TAnswer>, new() => new(
            MethodType.Unary, Service, name, Of<TRequest>(), Of<TAnswer>());

    private static Marshaller<T> Of<T>()
        where T : class, IMessage<T>, new() => Marshallers.Create(
            message => message.ToByteArray(), new MessageParser<T>(() => new T()).ParseFrom);
}
