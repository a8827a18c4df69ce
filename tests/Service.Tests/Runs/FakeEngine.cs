using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Orchestrations;

namespace Workflows.Service.Tests.Runs;

/// <summary>An engine that has some instances: it lists, shows, tells and purges them.</summary>
internal sealed class FakeEngine : CallInvoker
{
    public SortedDictionary<string, OrchestrationState> Instances { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets the instances to which an event was sent.</summary>
    public List<string> Raised { get; } = [];

    /// <summary>Gets or sets what is done after each purge of an instance.</summary>
    public Action Purged { get; set; } = () => { };

    /// <summary>Gets or sets what is done at each list, after its instances were taken.</summary>
    public Action Listed { get; set; } = () => { };

    /// <summary>Gets or sets what is done after an instance was shown.</summary>
    public Action Shown { get; set; } = () => { };

    /// <summary>Gets or sets the fault of the next list.</summary>
    public RpcException? Fault { get; set; }

    public GrpcDurableTaskClient Client() =>
        new("test", new GrpcDurableTaskClientOptions { CallInvoker = this }, NullLogger.Instance);

    public void Put(
        string id, string name, DateTimeOffset createdAt, OrchestrationStatus status = OrchestrationStatus.Completed) =>
        Instances[id] = new OrchestrationState
        {
            InstanceId = id,
            Name = name,
            OrchestrationStatus = status,
            CreatedTimestamp = Timestamp.FromDateTimeOffset(createdAt),
            LastUpdatedTimestamp = Timestamp.FromDateTimeOffset(createdAt),
        };

    public void PutRun(string id, DateTimeOffset createdAt, OrchestrationStatus status)
    {
        Put(id, nameof(FineTuneOrchestration), createdAt, status);
        Instances[id].Input = System.Text.Json.JsonSerializer.Serialize(new RunSpec
        {
            RunId = new RunId(id),
            Name = id,
            Project = "team",
            Direction = RunDirection.KoToEn,
            Model = "/model",
            Data = new DataSpec { Train = "/pairs.tsv" },
            Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"] },
            BudgetUsd = 1,
        });
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        Task<TResponse> answer;
        try
        {
            options.CancellationToken.ThrowIfCancellationRequested();
            answer = Task.FromResult((TResponse)Answer(request));
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException)
        {
            answer = Task.FromException<TResponse>(exception);
        }

        return new AsyncUnaryCall<TResponse>(
            answer, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
    }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        throw new NotSupportedException();

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var id = ((StreamInstanceHistoryRequest)(object)request).InstanceId;
        var history = new HistoryChunk
        {
            Events =
            {
                new HistoryEvent { OrchestratorStarted = new OrchestratorStartedEvent(), Timestamp = new Timestamp() },
                new HistoryEvent
                {
                    Timestamp = new Timestamp(),
                    ExecutionStarted = new ExecutionStartedEvent
                    {
                        Name = Instances[id].Name,
                        Version = Instances[id].Version,
                        OrchestrationInstance = new OrchestrationInstance { InstanceId = id, ExecutionId = "1" },
                    },
                },
            },
        };
        return new AsyncServerStreamingCall<TResponse>(
            new Answers<TResponse>((TResponse)(object)history), Task.FromResult(new Metadata()),
            () => Status.DefaultSuccess, () => [], () => { });
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        throw new NotSupportedException();

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        throw new NotSupportedException();

    private sealed class Answers<T>(T only) : IAsyncStreamReader<T>
    {
        private bool _isRead;

        public T Current => only;

        public Task<bool> MoveNext(CancellationToken cancellationToken) =>
            Task.FromResult(!_isRead && (_isRead = true));
    }

    private object Answer(object request)
    {
        switch (request)
        {
            case GetInstanceRequest get:
                var shown = Instances.TryGetValue(get.InstanceId, out var state)
                    ? new GetInstanceResponse { Exists = true, OrchestrationState = state } : new GetInstanceResponse();
                Shown();
                return shown;
            case QueryInstancesRequest { Query: var query }:
                if (Fault is { } fault)
                {
                    Fault = null;
                    Listed();
                    throw fault;
                }

                var listed = new QueryInstancesResponse
                {
                    OrchestrationState =
                    {
                        Instances.Values.Where(each =>
                            each.InstanceId.StartsWith(query.InstanceIdPrefix ?? "", StringComparison.Ordinal)
                            && (query.CreatedTimeFrom is null || each.CreatedTimestamp >= query.CreatedTimeFrom)),
                    },
                };
                Listed();
                return listed;
            case RaiseEventRequest raise:
                Raised.Add(raise.InstanceId);
                return new RaiseEventResponse();
            case PurgeInstancesRequest purge:
                var count = Instances.Remove(purge.InstanceId) ? 1 : 0;
                Purged();
                return new PurgeInstancesResponse { DeletedInstanceCount = count };
            default:
                throw new NotSupportedException($"{request}");
        }
    }
}
