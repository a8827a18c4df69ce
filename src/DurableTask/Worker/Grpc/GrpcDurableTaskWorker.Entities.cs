using Microsoft.DurableTask.Entities;
using Microsoft.DurableTask.Worker.Entities;
using Microsoft.DurableTask.Worker.Replay;
using Microsoft.Extensions.DependencyInjection;
using Proto = Workflows.DurableTask.Protocol;
using Service = Workflows.DurableTask.Protocol.TaskHubSidecarService.TaskHubSidecarServiceClient;

namespace Microsoft.DurableTask.Worker.Grpc;

internal sealed partial class GrpcDurableTaskWorker
{
    private Task EntityAsync(Service service, Proto.WorkItem item, CancellationToken stopping)
    {
        Proto.EntityBatchRequest request = item.EntityRequest;
        return EntityAsync(
            service,
            item.CompletionToken,
            request.InstanceId,
            request.EntityState,
            [.. request.Operations.Select(one => (one.Operation, one.Input, (Proto.TraceContext?)one.TraceContext))],
            [],
            stopping);
    }

    private Task EntityV2Async(Service service, Proto.WorkItem item, CancellationToken stopping)
    {
        Proto.EntityRequest request = item.EntityRequestV2;
        // Only operations count: an answer to anything else would shift the answers of those behind it.
        Proto.HistoryEvent[] events =
        [
            .. request.OperationRequests.Where(
                one => one.EntityOperationCalled is not null || one.EntityOperationSignaled is not null),
        ];
        return EntityAsync(
            service,
            item.CompletionToken,
            request.InstanceId,
            request.EntityState,
            [.. events.Select(Operation)],
            events.Select(Info),
            stopping);
    }

    private async Task EntityAsync(
        Service service,
        string token,
        string instanceId,
        string? state,
        IReadOnlyCollection<(string Name, string? Input, Proto.TraceContext? Trace)> operations,
        IEnumerable<Proto.OperationInfo> infos,
        CancellationToken stopping)
    {
        // A worker of orchestrations only must not take signals away from the workers that run entities.
        if (!_worker.Registry.GetEntities().Any())
        {
            await AbandonEntityAsync(service, token, instanceId, stopping);
            return;
        }

        Proto.EntityBatchResult result = await RunEntityAsync(instanceId, state, operations);
        result.CompletionToken = token;
        result.OperationInfos.AddRange(infos);
        if (!await TryCompleteAsync(
            () => service.CompleteEntityTaskAsync(result, cancellationToken: stopping), instanceId, stopping))
        {
            await AbandonEntityAsync(service, token, instanceId, stopping);
        }
    }

    private Task AbandonEntityAsync(Service service, string token, string instanceId, CancellationToken stopping) =>
        AbandonAsync(
            service.AbandonTaskEntityWorkItemAsync(
                new() { CompletionToken = token }, cancellationToken: stopping).ResponseAsync,
            instanceId);

    private async Task<Proto.EntityBatchResult> RunEntityAsync(
        string instanceId,
        string? state,
        IReadOnlyCollection<(string Name, string? Input, Proto.TraceContext? Trace)> operations)
    {
        EntityInstanceId id = EntityInstanceId.FromString(instanceId);
        if (_worker.Registry.FindEntity(new TaskName(id.Name)) is not { } factory)
        {
            return NotFound(id, state, operations.Count);
        }

        await using AsyncServiceScope scope = _services.CreateAsyncScope();
        ITaskEntity entity;
        try
        {
            entity = factory(scope.ServiceProvider);
        }
        catch (Exception error)
        {
            // Nothing has run: the engine keeps state and operations and offers them again.
            Log.ItemFailed(_logger, error, instanceId);
            return new() { FailureDetails = FailureConversion.ToProto(error, _worker.ExceptionProperties) };
        }

        return await new EntityBatch(
            entity, id, _worker.Converter, _worker.ExceptionProperties, _time, _logger).RunAsync(state, operations);
    }

    private static Proto.EntityBatchResult NotFound(EntityInstanceId id, string? state, int count)
    {
        var result = new Proto.EntityBatchResult { EntityState = state };
        result.Results.AddRange(Enumerable.Range(0, count).Select(_ => new Proto.OperationResult
        {
            Failure = new()
            {
                FailureDetails = new()
                {
                    ErrorType = "EntityTaskNotFound",
                    ErrorMessage = $"No entity named '{id.Name}' is registered in this worker.",
                    IsNonRetriable = true,
                },
            },
        }));
        return result;
    }

    private static (string Name, string? Input, Proto.TraceContext? Trace) Operation(Proto.HistoryEvent one) =>
        one.EntityOperationCalled is { } call
            ? (call.Operation, call.Input, null)
            : (one.EntityOperationSignaled.Operation, one.EntityOperationSignaled.Input, null);

    private static Proto.OperationInfo Info(Proto.HistoryEvent one) => one.EntityOperationCalled is { } call
        ? new()
        {
            RequestId = call.RequestId,
            ResponseDestination = new() { InstanceId = call.ParentInstanceId, ExecutionId = call.ParentExecutionId },
        }
        : new() { RequestId = one.EntityOperationSignaled.RequestId };
}
