using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Dapr.Client.Autogen.Grpc.v1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Messages;

/// <summary>
/// The end of a run is published through Dapr; the sidecar here is a stand-in that speaks its protocol.
/// </summary>
public sealed class DaprAnnouncerTests : IAsyncDisposable
{
    private readonly ConcurrentQueue<PublishEventRequest> _published = new();
    private readonly WebApplication _sidecar;

    public DaprAnnouncerTests()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Logging.ClearProviders();
        builder.Services.AddGrpc();
        _sidecar = builder.Build();
        var publish = new Method<PublishEventRequest, Empty>(
            MethodType.Unary, "dapr.proto.runtime.v1.Dapr", "PublishEvent",
            Marshallers.Create(request => request.ToByteArray(), PublishEventRequest.Parser.ParseFrom),
            Marshallers.Create(answer => answer.ToByteArray(), Empty.Parser.ParseFrom));
        _sidecar.MapGrpcService(ServerServiceDefinition.CreateBuilder().AddMethod(publish, (request, _) =>
        {
            _published.Enqueue(request);
            return Task.FromResult(new Empty());
        }).Build());
    }

    public async ValueTask DisposeAsync() => await _sidecar.DisposeAsync();

    [Fact]
    public async Task Run_ThatEnds_IsPublishedWithItsStatus()
    {
        await _sidecar.StartAsync(TestContext.Current.CancellationToken);
        await using var service = new RunningService();
        service.Settings.Dapr.PubSubName = "workflows-pubsub";
        service.Settings.Dapr.GrpcEndpoint = new Uri(_sidecar.Urls.First());
        await service.InitializeAsync();

        var id = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        await service.ReportAsync(id);

        var published = Assert.Single(_published);
        Assert.Equal(("workflows-pubsub", "workflow-runs-ended"), (published.PubsubName, published.Topic));
        Assert.Equal("workflows.run.failed", published.Metadata["cloudevent.type"]);
        using var data = JsonDocument.Parse(published.Data.ToStringUtf8());
        Assert.Equal(id, data.RootElement.GetProperty("runId").GetString());
        Assert.Equal("API_DISABLED",
            data.RootElement.GetProperty("outcome").GetProperty("failure").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Run_WhoseListenerIsOutOfReach_EndsAsItWould()
    {
        await using var service = new RunningService();
        service.Settings.Dapr.PubSubName = "workflows-pubsub";
        service.Settings.Dapr.GrpcEndpoint = new Uri("http://127.0.0.1:1");
        await service.InitializeAsync();

        var id = await service.StartAsync(service.Request("""{"apiDisabled": true}"""));
        var report = await service.ReportAsync(id);

        Assert.Equal("failed", report.GetProperty("status").GetString());
    }
}
