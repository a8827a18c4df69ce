using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Grpc.Core;

namespace Workflows.GoogleCloud.TpuEmulator.Api;

/// <summary>Serves the calls for queued resources.</summary>
internal sealed partial class TpuApi
{
    public override Task<ListQueuedResourcesResponse> ListQueuedResources(
        ListQueuedResourcesRequest request, ServerCallContext context) => Try(() =>
    {
        var (project, zone) = Paths.Parent(request.Parent);
        cloud.Require("tpu.nodes.list", request.Parent);
        var (page, next) = Paging.Of(cloud.ListQueued(project, zone), request.PageSize, request.PageToken);
        return new ListQueuedResourcesResponse { QueuedResources = { page }, NextPageToken = next };
    });

    public override Task<QueuedResource> GetQueuedResource(
        GetQueuedResourceRequest request, ServerCallContext context) =>
        Try("tpu.nodes.get", request.Name, () => cloud.GetQueued(request.Name));

    public override Task<Operation> CreateQueuedResource(
        CreateQueuedResourceRequest request, ServerCallContext context) => Try(() =>
    {
        var (project, zone) = Paths.Parent(request.Parent);
        cloud.Require("tpu.nodes.create", request.Parent);
        return cloud.CreateQueued(
            project, zone, request.QueuedResourceId, request.QueuedResource ?? new QueuedResource());
    });

    public override Task<Operation> DeleteQueuedResource(
        DeleteQueuedResourceRequest request, ServerCallContext context) =>
        Try("tpu.nodes.delete", request.Name, () => cloud.DeleteQueued(request.Name, request.Force));

    public override Task<Operation> ResetQueuedResource(
        ResetQueuedResourceRequest request, ServerCallContext context) => Try(() => cloud.ResetQueued(request.Name));
}
