using Google.LongRunning;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Api;

/// <summary>Serves google.longrunning.Operations for the emulated cloud.</summary>
internal sealed class OperationsApi(EmulatedCloud cloud) : Operations.OperationsBase
{
    public override Task<Operation> GetOperation(GetOperationRequest request, ServerCallContext context) =>
        TpuApi.Try(() => cloud.GetOperation(request.Name));

    public override Task<ListOperationsResponse> ListOperations(
        ListOperationsRequest request, ServerCallContext context) => TpuApi.Try(() =>
    {
        var (page, next) = Paging.Of(cloud.ListOperations(request.Name), request.PageSize, request.PageToken);
        return new ListOperationsResponse { Operations = { page }, NextPageToken = next };
    });

    public override Task<Empty> CancelOperation(CancelOperationRequest request, ServerCallContext context) =>
        TpuApi.Try(() =>
        {
            cloud.CancelOperation(request.Name);
            return new Empty();
        });

    public override Task<Empty> DeleteOperation(DeleteOperationRequest request, ServerCallContext context) =>
        TpuApi.Try(() =>
        {
            cloud.DeleteOperation(request.Name);
            return new Empty();
        });
}
