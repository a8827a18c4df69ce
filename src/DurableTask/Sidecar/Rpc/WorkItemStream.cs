using Google.Protobuf;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;
using Workflows.DurableTask.Sidecar.Engine;

namespace Workflows.DurableTask.Sidecar.Rpc;

/// <summary>
/// Serves <c>GetWorkItems</c> to workers in other processes, in place of the service's own method. It sends the same
/// messages, written by <see cref="WorkItemFrame"/>, which encodes no event of a history twice.
/// </summary>
[BindServiceMethod(typeof(WorkItemStream), nameof(Bind))]
internal class WorkItemStream(TaskHubHost host)
{
    private static readonly Method<GetWorkItemsRequest, WorkItemFrame> Method = new(
        MethodType.ServerStreaming,
        "TaskHubSidecarService",
        nameof(GetWorkItems),
        Marshallers.Create(message => message.ToByteArray(), GetWorkItemsRequest.Parser.ParseFrom),
        WorkItemFrame.Marshaller);

    /// <summary>Describes the service; a host that serves its gRPC services as JSON asks for it by this name.</summary>
    public static Google.Protobuf.Reflection.ServiceDescriptor Descriptor => TaskHubSidecarService.Descriptor;

    /// <summary>Adds the method to a server.</summary>
    public static void Bind(ServiceBinderBase binder, WorkItemStream? service) =>
        binder.AddMethod(Method, service is null ? null : service.GetWorkItems);

    /// <summary>Sends work items until one side ends the stream.</summary>
    public virtual Task GetWorkItems(
        GetWorkItemsRequest request, IServerStreamWriter<WorkItemFrame> responseStream, ServerCallContext context) =>
        WorkSender.RunAsync(host, request, isEncoded: true, frame => frame, responseStream, context);
}
