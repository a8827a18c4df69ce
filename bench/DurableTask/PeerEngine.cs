using System.Net;
using DurableTask.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.DurableTask.Testing.Sidecar;
using Microsoft.DurableTask.Testing.Sidecar.Grpc;

namespace Workflows.DurableTask.Bench;

/// <summary>
/// The official in-memory engine, unchanged but for two answers: as published it takes as many work items as there are
/// processors, and sleeps half a second when it has them.
/// </summary>
internal static class PeerEngine
{
    /// <summary>Builds a server of it on a port of the loopback interface.</summary>
    public static WebApplication Build(int port)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, port, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        var service = new WithoutLimits();
        builder.Services.AddSingleton<IOrchestrationService>(service);
        builder.Services.AddSingleton<IOrchestrationServiceClient>(service);
        builder.Services.AddSingleton<TaskHubGrpcServer>();
        WebApplication app = builder.Build();
        app.MapGrpcService<TaskHubGrpcServer>();
        return app;
    }

    private sealed class WithoutLimits : InMemoryOrchestrationService, IOrchestrationService
    {
        int IOrchestrationService.MaxConcurrentTaskOrchestrationWorkItems => 1000;

        int IOrchestrationService.MaxConcurrentTaskActivityWorkItems => 1000;
    }
}
