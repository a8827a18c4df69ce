using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Rpc;

/// <summary>The protocol's service: turns calls into requests to the engine.</summary>
internal sealed partial class TaskHubService(TaskHubHost host) : TaskHubSidecarService.TaskHubSidecarServiceBase
{
    private const string DefaultHub = "default";

    public override Task<Empty> Hello(Empty request, ServerCallContext context)
    {
        _ = host.Engine;
        return Task.FromResult(new Empty());
    }

    public override async Task<CreateInstanceResponse> StartInstance(
        CreateInstanceRequest request, ServerCallContext context) =>
        new() { InstanceId = await host.Engine.StartAsync(Hub(context), request) };

    public override Task<GetInstanceResponse> GetInstance(GetInstanceRequest request, ServerCallContext context) =>
        host.Engine.GetAsync(Hub(context), request);

    public override Task<GetInstanceResponse> WaitForInstanceStart(
        GetInstanceRequest request, ServerCallContext context) =>
        host.Engine.WaitAsync(Hub(context), request, forCompletion: false, context.CancellationToken);

    public override Task<GetInstanceResponse> WaitForInstanceCompletion(
        GetInstanceRequest request, ServerCallContext context) =>
        host.Engine.WaitAsync(Hub(context), request, forCompletion: true, context.CancellationToken);

    public override async Task<RaiseEventResponse> RaiseEvent(RaiseEventRequest request, ServerCallContext context)
    {
        await host.Engine.RaiseAsync(Hub(context), request);
        return new();
    }

    public override async Task<TerminateResponse> TerminateInstance(TerminateRequest request, ServerCallContext context)
    {
        await host.Engine.TerminateAsync(Hub(context), request);
        return new();
    }

    public override async Task<SuspendResponse> SuspendInstance(SuspendRequest request, ServerCallContext context)
    {
        await host.Engine.SuspendAsync(Hub(context), request);
        return new();
    }

    public override async Task<ResumeResponse> ResumeInstance(ResumeRequest request, ServerCallContext context)
    {
        await host.Engine.ResumeAsync(Hub(context), request);
        return new();
    }

    public override async Task<RestartInstanceResponse> RestartInstance(
        RestartInstanceRequest request, ServerCallContext context) =>
        new() { InstanceId = await host.Engine.RestartAsync(Hub(context), request) };

    public override Task<QueryInstancesResponse> QueryInstances(
        QueryInstancesRequest request, ServerCallContext context) =>
        host.Engine.Lists.QueryAsync(Hub(context), request.Query ?? new());

    public override Task<ListInstanceIdsResponse> ListInstanceIds(
        ListInstanceIdsRequest request, ServerCallContext context) =>
        host.Engine.Lists.ListIdsAsync(Hub(context), request);

    public override Task<PurgeInstancesResponse> PurgeInstances(
        PurgeInstancesRequest request, ServerCallContext context) =>
        host.Engine.Lists.PurgeAsync(Hub(context), request);

    public override async Task<CreateTaskHubResponse> CreateTaskHub(
        CreateTaskHubRequest request, ServerCallContext context)
    {
        // A hub exists as soon as something is in it.
        if (request.RecreateIfExists)
        {
            await host.Engine.DeleteHubAsync(Hub(context));
        }

        return new();
    }

    public override async Task<DeleteTaskHubResponse> DeleteTaskHub(
        DeleteTaskHubRequest request, ServerCallContext context)
    {
        await host.Engine.DeleteHubAsync(Hub(context));
        return new();
    }

    public override async Task<RewindInstanceResponse> RewindInstance(
        RewindInstanceRequest request, ServerCallContext context)
    {
        await host.Engine.RewindAsync(Hub(context), request);
        return new();
    }

    public override async Task<SkipGracefulOrchestrationTerminationsResponse> SkipGracefulOrchestrationTerminations(
        SkipGracefulOrchestrationTerminationsRequest request, ServerCallContext context)
    {
        var response = new SkipGracefulOrchestrationTerminationsResponse();
        response.UnterminatedInstanceIds.AddRange(await host.Engine.TerminateAtOnceAsync(
            Hub(context), request.InstanceBatch?.InstanceIds.ToList() ?? [], request.Reason));
        return response;
    }

    public override async Task<SignalEntityResponse> SignalEntity(
        SignalEntityRequest request, ServerCallContext context)
    {
        await host.Engine.Entities.SignalAsync(Hub(context), request);
        return new();
    }

    public override Task<GetEntityResponse> GetEntity(GetEntityRequest request, ServerCallContext context) =>
        host.Engine.Entities.GetAsync(Hub(context), request);

    public override Task<QueryEntitiesResponse> QueryEntities(
        QueryEntitiesRequest request, ServerCallContext context) =>
        host.Engine.Entities.QueryAsync(Hub(context), request.Query ?? new());

    public override Task<CleanEntityStorageResponse> CleanEntityStorage(
        CleanEntityStorageRequest request, ServerCallContext context) =>
        host.Engine.Entities.CleanAsync(Hub(context), request);

    /// <summary>Returns the task hub of a call, which is a name space within the file.</summary>
    internal static string Hub(ServerCallContext context)
    {
        string? name = context.RequestHeaders.GetValue("taskhub");
        return string.IsNullOrEmpty(name) ? DefaultHub : name;
    }

    /// <summary>Returns the task hub of a call by its headers.</summary>
    internal static string Hub(IHeaderDictionary headers)
    {
        string? name = headers["taskhub"].LastOrDefault();
        return string.IsNullOrEmpty(name) ? DefaultHub : name;
    }
}
