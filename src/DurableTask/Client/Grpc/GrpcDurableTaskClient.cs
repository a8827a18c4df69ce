using System.Diagnostics;
using global::Grpc.Core;
using global::Grpc.Core.Interceptors;
using global::Grpc.Net.Client;
using Microsoft.DurableTask.Client.Entities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using AlreadyExists = global::DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException;
using Proto = Workflows.DurableTask.Protocol;
using Service = Workflows.DurableTask.Protocol.TaskHubSidecarService.TaskHubSidecarServiceClient;

namespace Microsoft.DurableTask.Client.Grpc;

/// <summary>A client of an engine that speaks the Durable Task gRPC protocol.</summary>
public sealed partial class GrpcDurableTaskClient : DurableTaskClient
{
    private readonly Service _service;
    private readonly GrpcChannel? _ownedChannel;
    private readonly DataConverter _converter;
    private readonly string _defaultVersion;
    private readonly GrpcDurableEntityClient? _entities;

    /// <summary>Makes a client from named options.</summary>
    /// <param name="name">The client's name.</param>
    /// <param name="options">The options of all clients.</param>
    [ActivatorUtilitiesConstructor]
    public GrpcDurableTaskClient(string name, IOptionsMonitor<GrpcDurableTaskClientOptions> options)
        : this(name, options.Get(name))
    {
    }

    /// <summary>Makes a client.</summary>
    /// <param name="name">The client's name.</param>
    /// <param name="options">Where the engine is.</param>
    public GrpcDurableTaskClient(string name, GrpcDurableTaskClientOptions options)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(options);
        _converter = options.DataConverter;
        _defaultVersion = options.DefaultVersion;
        CallInvoker invoker;
        if (options.Channel is { } channel)
        {
            invoker = channel.CreateCallInvoker();
        }
        else if (options.CallInvoker is { } given)
        {
            invoker = given;
        }
        else
        {
            string address = string.IsNullOrEmpty(options.Address) ? "http://localhost:4001" : options.Address;
            _ownedChannel = GrpcChannel.ForAddress(
                address.Contains("://", StringComparison.Ordinal) ? address : $"http://{address}",
                new GrpcChannelOptions
                {
                    MaxReceiveMessageSize = null,
                    MaxSendMessageSize = null,
                    HttpHandler = new SocketsHttpHandler
                    {
                        EnableMultipleHttp2Connections = true,
                        // gRPC knows no redirects; looking for them costs at every call.
                        AllowAutoRedirect = false,
                    },
                    DisposeHttpClient = true,
                });
            invoker = _ownedChannel.CreateCallInvoker();
        }

        if (options.GrpcCallTimeout is { } timeout)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero, nameof(options.GrpcCallTimeout));
            invoker = invoker.Intercept(new DeadlineInterceptor(timeout, TimeProvider.System));
        }

        _service = new Service(invoker.Intercept([.. options.Interceptors]));
        _entities = options.EnableEntitySupport ? new GrpcDurableEntityClient(name, _service, _converter) : null;
    }

    /// <inheritdoc/>
    public override DurableEntityClient Entities => _entities ?? throw new NotSupportedException(
        $"Durable entities are switched off: set {nameof(DurableTaskClientOptions)}."
        + $"{nameof(DurableTaskClientOptions.EnableEntitySupport)} to true.");

    /// <inheritdoc/>
    public override async Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName,
        object? input = null,
        StartOrchestrationOptions? options = null,
        CancellationToken cancellation = default)
    {
        CheckNoEntity(options?.InstanceId);
        if (orchestratorName == default)
        {
            throw new ArgumentException("An orchestration cannot be started without a name.", nameof(orchestratorName));
        }

        var request = new Proto.CreateInstanceRequest
        {
            Name = orchestratorName.Name,
            InstanceId = options?.InstanceId ?? Guid.NewGuid().ToString("N"),
            Input = _converter.Serialize(input),
            Version = options?.Version?.Version ?? (_defaultVersion.Length > 0 ? _defaultVersion : null),
            ScheduledStartTimestamp = (options?.StartAt).ToTimestamp(),
            OrchestrationIdReusePolicy = ReusePolicy(options?.DedupeStatuses),
        };
        using Activity? span = ClientSpans.Schedule(request.Name, request.Version, request.InstanceId);
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } traceParent } activity)
        {
            request.ParentTraceContext = new Proto.TraceContext
            {
                TraceParent = traceParent,
                TraceState = activity.TraceStateString,
            };
        }

        foreach ((string key, string value) in options?.Tags ?? new Dictionary<string, string>())
        {
            request.Tags.Add(key, value);
        }

        try
        {
            Proto.CreateInstanceResponse response = await _service.StartInstanceAsync(request, Call(cancellation));
            return response.InstanceId;
        }
        catch (RpcException refusal) when (refusal.StatusCode == StatusCode.AlreadyExists)
        {
            throw new AlreadyExists(refusal.Status.Detail, refusal);
        }
        catch (RpcException refusal) when (refusal.StatusCode == StatusCode.InvalidArgument)
        {
            throw new ArgumentException(refusal.Status.Detail, refusal);
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled)
        {
            throw Cancelled(error, nameof(ScheduleNewOrchestrationInstanceAsync), cancellation);
        }
    }

    /// <inheritdoc/>
    public override async Task RaiseEventAsync(
        string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        CheckNoEntity(instanceId);
        ArgumentException.ThrowIfNullOrEmpty(eventName);
        using Activity? span = ClientSpans.Raise(eventName, instanceId);
        await SendAsync(
            _service.RaiseEventAsync(
                new() { InstanceId = instanceId, Name = eventName, Input = _converter.Serialize(eventPayload) },
                Call(cancellation)).ResponseAsync,
            cancellation);
    }

    /// <inheritdoc/>
    public override async Task<OrchestrationMetadata> WaitForInstanceStartAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) =>
        await WaitAsync(_service.WaitForInstanceStartAsync, instanceId, getInputsAndOutputs, cancellation);

    /// <inheritdoc/>
    public override async Task<OrchestrationMetadata> WaitForInstanceCompletionAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) =>
        await WaitAsync(_service.WaitForInstanceCompletionAsync, instanceId, getInputsAndOutputs, cancellation);

    /// <inheritdoc/>
    public override async Task<OrchestrationMetadata?> GetInstancesAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        Proto.GetInstanceResponse response = await SendAsync(
            _service.GetInstanceAsync(
                new() { InstanceId = instanceId, GetInputsAndOutputs = getInputsAndOutputs },
                Call(cancellation)).ResponseAsync,
            cancellation);
        return response.Exists
            ? response.OrchestrationState.ToMetadata(getInputsAndOutputs ? _converter : null)
            : null;
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _ownedChannel?.Dispose();
        return default;
    }

    private static Proto.OrchestrationIdReusePolicy? ReusePolicy(IReadOnlyList<string>? dedupeStatuses)
    {
        if (dedupeStatuses is null)
        {
            return null;
        }

        HashSet<OrchestrationRuntimeStatus> refused =
            [.. dedupeStatuses.Select(text =>
                System.Enum.TryParse(text, ignoreCase: true, out OrchestrationRuntimeStatus status)
                ? status
                : throw new ArgumentException($"'{text}' is not an orchestration status.", nameof(dedupeStatuses)))];
        var policy = new Proto.OrchestrationIdReusePolicy();
        policy.ReplaceableStatus.AddRange(
            StartOrchestrationOptionsExtensions.ValidDedupeStatuses
                .Where(status => !refused.Contains(status))
                .Select(status => status.ToProto()));
        return policy;
    }

    private static CallOptions Call(CancellationToken cancellation) => new(cancellationToken: cancellation);

    private void CheckNoEntity(string? instanceId)
    {
        if (_entities is not null && instanceId is ['@', ..])
        {
            throw new ArgumentException(
                $"'{instanceId}' is the id of an entity, not of an orchestration; use {nameof(Entities)}.",
                nameof(instanceId));
        }
    }

    private static OperationCanceledException Cancelled(RpcException error, string what, CancellationToken token) =>
        new($"The {what} operation was canceled.", error, token);

    private static async Task<T> SendAsync<T>(Task<T> call, CancellationToken cancellation)
    {
        try
        {
            return await call;
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled)
        {
            throw Cancelled(error, "call", cancellation);
        }
    }

    private async Task<OrchestrationMetadata> WaitAsync(
        Func<Proto.GetInstanceRequest, CallOptions, AsyncUnaryCall<Proto.GetInstanceResponse>> wait,
        string instanceId,
        bool getInputsAndOutputs,
        CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrEmpty(instanceId);
        var request = new Proto.GetInstanceRequest
        {
            InstanceId = instanceId,
            GetInputsAndOutputs = getInputsAndOutputs,
        };
        while (true)
        {
            try
            {
                Proto.GetInstanceResponse response = await SendAsync(
                    wait(request, Call(cancellation)).ResponseAsync, cancellation);
                return response.OrchestrationState.ToMetadata(getInputsAndOutputs ? _converter : null);
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.DeadlineExceeded)
            {
                // An engine may cut long waits; the wait itself goes on until the caller cancels it.
                cancellation.ThrowIfCancellationRequested();
            }
        }
    }
}
