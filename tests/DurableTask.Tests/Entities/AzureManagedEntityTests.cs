using Microsoft.DurableTask.Worker;
using Microsoft.DurableTask.Worker.Grpc;
using Microsoft.DurableTask.Worker.Grpc.Internal;
using Microsoft.Extensions.DependencyInjection;

namespace Workflows.DurableTask.Tests.Entities;

/// <summary>The same, with messages as the Durable Task Scheduler reads them.</summary>
public sealed class AzureManagedEntityTests : EntityTests
{
    protected override void Configure(IDurableTaskWorkerBuilder worker)
    {
        base.Configure(worker);
        worker.Services.Configure<GrpcDurableTaskWorkerOptions>(
            worker.Name, options => options.ConfigureForAzureManaged());
    }
}
