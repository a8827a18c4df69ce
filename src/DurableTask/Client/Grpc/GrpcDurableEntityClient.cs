using System.Diagnostics;
using global::Grpc.Core;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Client.Entities;
using Microsoft.DurableTask.Entities;
using Proto = Workflows.DurableTask.Protocol;
using Service = Workflows.DurableTask.Protocol.TaskHubSidecarService.TaskHubSidecarServiceClient;

namespace Microsoft.DurableTask.Client.Grpc;

/// <summary>The entities of an engine that speaks the Durable Task gRPC protocol.</summary>
internal sealed class GrpcDurableEntityClient(string name, Service service, DataConverter converter)
    : DurableEntityClient(name)
{
    public override async Task SignalEntityAsync(
        EntityInstanceId id,
        string operationName,
        object? input = null,
        SignalEntityOptions? options = null,
        CancellationToken cancellation = default)
    {
        Check(id);
        ArgumentException.ThrowIfNullOrEmpty(operationName);
        var request = new Proto.SignalEntityRequest
        {
            InstanceId = id.ToString(),
            RequestId = Guid.NewGuid().ToString(),
            Name = operationName,
            Input = converter.Serialize(input),
            ScheduledTime = (options?.SignalTime).ToTimestamp(),
            RequestTime = Timestamp.FromDateTimeOffset(TimeProvider.System.GetUtcNow()),
        };
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } parent } activity)
        {
            request.ParentTraceContext = new() { TraceParent = parent, TraceState = activity.TraceStateString };
        }

        await SendAsync(service.SignalEntityAsync(request, cancellationToken: cancellation), cancellation);
    }

    public override async Task<EntityMetadata?> GetEntityAsync(
        EntityInstanceId id, bool includeState = true, CancellationToken cancellation = default) =>
        await FindAsync(id, includeState, cancellation) is { } found ? ToMetadata(found) : null;

    public override async Task<EntityMetadata<T>?> GetEntityAsync<T>(
        EntityInstanceId id, bool includeState = true, CancellationToken cancellation = default) =>
        await FindAsync(id, includeState, cancellation) is { } found ? ToMetadata<T>(found) : null;

    public override AsyncPageable<EntityMetadata> GetAllEntitiesAsync(EntityQuery? filter = null) =>
        List(filter, ToMetadata);

    public override AsyncPageable<EntityMetadata<T>> GetAllEntitiesAsync<T>(EntityQuery? filter = null) =>
        List(filter, ToMetadata<T>);

    public override async Task<CleanEntityStorageResult> CleanEntityStorageAsync(
        CleanEntityStorageRequest? request = null,
        bool continueUntilComplete = true,
        CancellationToken cancellation = default)
    {
        CleanEntityStorageRequest wanted = request ?? CleanEntityStorageRequest.Default;
        string? token = wanted.ContinuationToken;
        int removed = 0;
        int released = 0;
        do
        {
            Proto.CleanEntityStorageResponse response = await SendAsync(
                service.CleanEntityStorageAsync(
                    new()
                    {
                        RemoveEmptyEntities = wanted.RemoveEmptyEntities,
                        ReleaseOrphanedLocks = wanted.ReleaseOrphanedLocks,
                        ContinuationToken = token,
                    },
                    cancellationToken: cancellation),
                cancellation);
            token = string.IsNullOrEmpty(response.ContinuationToken) ? null : response.ContinuationToken;
            removed += response.EmptyEntitiesRemoved;
            released += response.OrphanedLocksReleased;
        }
        while (continueUntilComplete && token is not null);

        return new CleanEntityStorageResult
        {
            EmptyEntitiesRemoved = removed,
            OrphanedLocksReleased = released,
            ContinuationToken = token,
        };
    }

    private async Task<Proto.EntityMetadata?> FindAsync(
        EntityInstanceId id, bool includeState, CancellationToken cancellation)
    {
        Check(id);
        Proto.GetEntityResponse response = await SendAsync(
            service.GetEntityAsync(
                new() { InstanceId = id.ToString(), IncludeState = includeState }, cancellationToken: cancellation),
            cancellation);
        return response.Exists ? response.Entity : null;
    }

    private AsyncPageable<T> List<T>(EntityQuery? filter, Func<Proto.EntityMetadata, T> select)
        where T : notnull
    {
        filter ??= new EntityQuery();
        return Pageable.Create<T>(async (token, size, cancellation) =>
        {
            var query = new Proto.EntityQuery
            {
                InstanceIdStartsWith = filter.InstanceIdStartsWith,
                LastModifiedFrom = filter.LastModifiedFrom.ToTimestamp(),
                LastModifiedTo = filter.LastModifiedTo.ToTimestamp(),
                IncludeState = filter.IncludeState,
                IncludeTransient = filter.IncludeTransient,
                PageSize = size ?? filter.PageSize,
                ContinuationToken = token ?? filter.ContinuationToken,
            };
            Proto.QueryEntitiesResponse response = await SendAsync(
                service.QueryEntitiesAsync(new() { Query = query }, cancellationToken: cancellation), cancellation);
            return new Page<T>(
                [.. response.Entities.Select(select)],
                string.IsNullOrEmpty(response.ContinuationToken) ? null : response.ContinuationToken);
        });
    }

    private EntityMetadata ToMetadata(Proto.EntityMetadata entity) => new(
        EntityInstanceId.FromString(entity.InstanceId),
        entity.SerializedState is { } state ? new SerializedData(state, converter) : null)
    {
        LastModifiedTime = entity.LastModifiedTime.ToDateTimeOffset(),
        BacklogQueueSize = entity.BacklogQueueSize,
        LockedBy = entity.LockedBy,
    };

    private EntityMetadata<T> ToMetadata<T>(Proto.EntityMetadata entity)
    {
        EntityInstanceId id = EntityInstanceId.FromString(entity.InstanceId);
        DateTimeOffset modified = entity.LastModifiedTime.ToDateTimeOffset();
        // Without a state a number would otherwise look like its zero.
        return entity.SerializedState is { } state
            ? new(id, converter.Deserialize<T>(state))
            {
                LastModifiedTime = modified,
                BacklogQueueSize = entity.BacklogQueueSize,
                LockedBy = entity.LockedBy,
            }
            : new(id)
            {
                LastModifiedTime = modified,
                BacklogQueueSize = entity.BacklogQueueSize,
                LockedBy = entity.LockedBy,
            };
    }

    private static void Check(EntityInstanceId id)
    {
        if (id == default)
        {
            throw new ArgumentException("The id of an entity must not be the default value.", nameof(id));
        }
    }

    private static async Task<T> SendAsync<T>(AsyncUnaryCall<T> call, CancellationToken cancellation)
    {
        try
        {
            return await call;
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled)
        {
            throw new OperationCanceledException("The call was canceled.", error, cancellation);
        }
    }
}
