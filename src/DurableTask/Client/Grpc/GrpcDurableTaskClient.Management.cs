using global::DurableTask.Core.History;
using global::Grpc.Core;
using Google.Protobuf.WellKnownTypes;
using Proto = Workflows.DurableTask.Protocol;

namespace Microsoft.DurableTask.Client.Grpc;

public sealed partial class GrpcDurableTaskClient
{
    /// <inheritdoc/>
    public override Task TerminateInstanceAsync(
        string instanceId, TerminateInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var request = new Proto.TerminateRequest
        {
            InstanceId = instanceId,
            Output = _converter.Serialize(options?.Output),
            Recursive = options?.Recursive ?? false,
        };
        return SendAsync(_service.TerminateInstanceAsync(request, Call(cancellation)).ResponseAsync, cancellation);
    }

    /// <inheritdoc/>
    public override Task SuspendInstanceAsync(
        string instanceId, string? reason = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var request = new Proto.SuspendRequest { InstanceId = instanceId, Reason = reason };
        return SendAsync(_service.SuspendInstanceAsync(request, Call(cancellation)).ResponseAsync, cancellation);
    }

    /// <inheritdoc/>
    public override Task ResumeInstanceAsync(
        string instanceId, string? reason = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var request = new Proto.ResumeRequest { InstanceId = instanceId, Reason = reason };
        return SendAsync(_service.ResumeInstanceAsync(request, Call(cancellation)).ResponseAsync, cancellation);
    }

    /// <inheritdoc/>
    public override AsyncPageable<OrchestrationMetadata> GetAllInstancesAsync(OrchestrationQuery? filter = null)
    {
        filter ??= new OrchestrationQuery();
        return Pageable.Create<OrchestrationMetadata>(async (token, size, cancellation) =>
        {
            var query = new Proto.InstanceQuery
            {
                CreatedTimeFrom = filter.CreatedFrom.ToTimestamp(),
                CreatedTimeTo = filter.CreatedTo.ToTimestamp(),
                InstanceIdPrefix = filter.InstanceIdPrefix,
                MaxInstanceCount = size ?? filter.PageSize,
                FetchInputsAndOutputs = filter.FetchInputsAndOutputs,
                ContinuationToken = token ?? filter.ContinuationToken,
            };
            query.RuntimeStatus.AddRange((filter.Statuses ?? []).Select(status => status.ToProto()));
            query.TaskHubNames.AddRange(filter.TaskHubNames ?? []);
            Proto.QueryInstancesResponse response = await SendAsync(
                _service.QueryInstancesAsync(new() { Query = query }, Call(cancellation)).ResponseAsync, cancellation);
            DataConverter? converter = filter.FetchInputsAndOutputs ? _converter : null;
            return new Page<OrchestrationMetadata>(
                [.. response.OrchestrationState.Select(state => state.ToMetadata(converter))],
                string.IsNullOrEmpty(response.ContinuationToken) ? null : response.ContinuationToken);
        });
    }

    /// <inheritdoc/>
    public override Task<PurgeResult> PurgeInstanceAsync(
        string instanceId, PurgeInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        return PurgeAsync(
            new() { InstanceId = instanceId, Recursive = options?.Recursive ?? false, IsOrchestration = true },
            cancellation);
    }

    /// <inheritdoc/>
    public override Task<PurgeResult> PurgeAllInstancesAsync(
        PurgeInstancesFilter filter, PurgeInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var request = new Proto.PurgeInstanceFilter
        {
            CreatedTimeFrom = filter.CreatedFrom.ToTimestamp(),
            CreatedTimeTo = filter.CreatedTo.ToTimestamp(),
            Timeout = filter.Timeout is { } timeout ? Duration.FromTimeSpan(timeout) : null,
        };
        request.RuntimeStatus.AddRange((filter.Statuses ?? []).Select(status => status.ToProto()));
        return PurgeAsync(
            new() { PurgeInstanceFilter = request, Recursive = options?.Recursive ?? false, IsOrchestration = true },
            cancellation);
    }

    /// <inheritdoc/>
    public override async Task<string> RestartAsync(
        string instanceId, bool restartWithNewInstanceId = false, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var request = new Proto.RestartInstanceRequest
        {
            InstanceId = instanceId,
            RestartWithNewInstanceId = restartWithNewInstanceId,
        };
        Proto.RestartInstanceResponse response = await SendAsync(
            TranslateAsync(_service.RestartInstanceAsync(request, Call(cancellation)).ResponseAsync), cancellation);
        return response.InstanceId;
    }

    /// <inheritdoc/>
    public override Task RewindInstanceAsync(
        string instanceId, string reason, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var request = new Proto.RewindInstanceRequest { InstanceId = instanceId, Reason = reason };
        return SendAsync(
            TranslateAsync(_service.RewindInstanceAsync(request, Call(cancellation)).ResponseAsync), cancellation);
    }

    /// <inheritdoc/>
    public override async Task<Page<string>> ListInstanceIdsAsync(
        IEnumerable<OrchestrationRuntimeStatus>? runtimeStatus = null,
        DateTimeOffset? completedTimeFrom = null,
        DateTimeOffset? completedTimeTo = null,
        int pageSize = OrchestrationQuery.DefaultPageSize,
        string? lastInstanceKey = null,
        CancellationToken cancellation = default)
    {
        var request = new Proto.ListInstanceIdsRequest
        {
            CompletedTimeFrom = completedTimeFrom.ToTimestamp(),
            CompletedTimeTo = completedTimeTo.ToTimestamp(),
            PageSize = pageSize,
            LastInstanceKey = lastInstanceKey,
        };
        request.RuntimeStatus.AddRange((runtimeStatus ?? []).Select(status => status.ToProto()));
        Proto.ListInstanceIdsResponse response = await SendAsync(
            _service.ListInstanceIdsAsync(request, Call(cancellation)).ResponseAsync, cancellation);
        return new Page<string>(
            [.. response.InstanceIds],
            string.IsNullOrEmpty(response.LastInstanceKey) ? null : response.LastInstanceKey);
    }

    /// <inheritdoc/>
    public override async Task<IList<HistoryEvent>> GetOrchestrationHistoryAsync(
        string instanceId, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        return await SendAsync(TranslateAsync(ReadHistoryAsync(instanceId, cancellation)), cancellation);
    }

    private async Task<IList<HistoryEvent>> ReadHistoryAsync(string instanceId, CancellationToken cancellation)
    {
        var request = new Proto.StreamInstanceHistoryRequest { InstanceId = instanceId };
        using AsyncServerStreamingCall<Proto.HistoryChunk> call =
            _service.StreamInstanceHistory(request, Call(cancellation));
        var history = new List<HistoryEvent>();
        await foreach (Proto.HistoryChunk chunk in call.ResponseStream.ReadAllAsync(cancellation))
        {
            history.AddRange(chunk.Events.Select(item => item.ToHistoryEvent()));
        }

        return history;
    }

    private static async Task<T> TranslateAsync<T>(Task<T> call)
    {
        try
        {
            return await call;
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.NotFound)
        {
            throw new ArgumentException(error.Status.Detail, error);
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.FailedPrecondition)
        {
            throw new InvalidOperationException(error.Status.Detail, error);
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Unimplemented)
        {
            // Of the server, not of this client: callers of the official client catch this type for a backend without
            // the call.
            throw new NotImplementedException(error.Status.Detail, error);
        }
    }

    private async Task<PurgeResult> PurgeAsync(Proto.PurgeInstancesRequest request, CancellationToken cancellation)
    {
        Proto.PurgeInstancesResponse response = await SendAsync(
            TranslateAsync(_service.PurgeInstancesAsync(request, Call(cancellation)).ResponseAsync), cancellation);
        return new PurgeResult(response.DeletedInstanceCount, response.IsComplete);
    }
}
