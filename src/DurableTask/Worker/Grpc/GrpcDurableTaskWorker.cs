using System.Globalization;
using global::Grpc.Core;
using global::Grpc.Core.Interceptors;
using global::Grpc.Net.Client;
using Microsoft.DurableTask.Worker.Hosting;
using Microsoft.DurableTask.Worker.Replay;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Proto = Workflows.DurableTask.Protocol;
using Service = Workflows.DurableTask.Protocol.TaskHubSidecarService.TaskHubSidecarServiceClient;

namespace Microsoft.DurableTask.Worker.Grpc;

/// <summary>A worker for an engine that speaks the Durable Task gRPC protocol. It reconnects for ever.</summary>
internal sealed partial class GrpcDurableTaskWorker : DurableTaskWorker
{
    // The engine pings at least once a minute; a longer silence means a dead connection.
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);
    private const int FailuresBeforeNewChannel = 5;
    private const string KeepsHistoryHeader = "taskhub-keeps-history";

    private readonly GrpcDurableTaskWorkerOptions _options;
    private readonly DurableTaskWorkerWorkItemFilters _filters;
    private readonly WorkerServices _worker;
    private readonly IServiceProvider _services;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    public GrpcDurableTaskWorker(
        string name,
        IServiceProvider services,
        IOptionsMonitor<GrpcDurableTaskWorkerOptions> options,
        IOptionsMonitor<DurableTaskRegistry> registries,
        IOptionsMonitor<DurableTaskWorkerWorkItemFilters> filters,
        ILoggerFactory loggerFactory)
        : base(name)
    {
        _options = options.Get(name);
        _filters = filters.Get(name);
        _services = services;
        _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        _logger = loggerFactory.CreateLogger("Microsoft.DurableTask.Worker.Grpc");
        _worker = new WorkerServices(
            registries.Get(name),
            _options.DataConverter,
            loggerFactory,
            _options.MaximumTimerInterval,
            _options.Versioning,
            services.GetService<IExceptionPropertiesProvider>(),
            !_options.EnableEntitySupport ? EntityMode.Off
                : _options.IsAzureManaged ? EntityMode.AzureManaged : EntityMode.Classic);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Hosts start services one after another; none should wait for the first connection of this one.
        await Task.Yield();
        int failures = 0;
        GrpcChannel? owned = null;
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                string reason = "the engine ended the stream";
                try
                {
                    if (failures % FailuresBeforeNewChannel == 0)
                    {
                        owned?.Dispose();
                        owned = null;
                    }

                    using var calls = new ResultStream(Invoker(ref owned), _options.ResultReceiptLimit, _time);
                    await ReceiveAsync(calls, () => failures = 0, stoppingToken);
                }
                catch (RpcException error)
                {
                    reason = $"{error.StatusCode}: {error.Status.Detail}";
                }
                catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
                {
                    reason = "no message for two minutes";
                }

                if (stoppingToken.IsCancellationRequested)
                {
                    return;
                }

                TimeSpan delay = NextDelay(failures++);
                Log.Disconnected(_logger, reason, (long)delay.TotalMilliseconds);
                await Task.Delay(delay, _time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host is stopping.
        }
        finally
        {
            owned?.Dispose();
        }
    }

    private static TimeSpan NextDelay(int failures)
    {
        // Full jitter, so that many workers do not come back at the same moment.
        double limit = Math.Min(
            LongestDelay.TotalMilliseconds, FirstDelay.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 16)));
#pragma warning disable CA5394 // Jitter is no secret.
        return TimeSpan.FromMilliseconds(Random.Shared.NextDouble() * limit);
#pragma warning restore CA5394
    }

    private CallInvoker Invoker(ref GrpcChannel? owned) =>
        Transport(ref owned).Intercept([.. _options.Interceptors]);

    private CallInvoker Transport(ref GrpcChannel? owned)
    {
        if (_options.Channel is { } channel)
        {
            return channel.CreateCallInvoker();
        }

        if (_options.CallInvoker is { } invoker)
        {
            return invoker;
        }

        string address = string.IsNullOrEmpty(_options.Address) ? "http://localhost:4001" : _options.Address;
        owned ??= GrpcChannel.ForAddress(
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
                    KeepAlivePingDelay = TimeSpan.FromSeconds(30),
                    KeepAlivePingTimeout = TimeSpan.FromSeconds(30),
                },
                DisposeHttpClient = true,
            });
        return owned.CreateCallInvoker();
    }

    private async Task ReceiveAsync(ResultStream calls, Action onConnected, CancellationToken stopping)
    {
        var service = new Service(calls);
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        await service.HelloAsync(
            new(), deadline: _time.GetUtcNow().UtcDateTime.AddSeconds(30), cancellationToken: stopping);
        silence.CancelAfter(LongestSilence);
        using AsyncServerStreamingCall<Proto.WorkItem> call =
            service.GetWorkItems(Request(), Headers(), cancellationToken: silence.Token);
        Metadata headers = await call.ResponseHeadersAsync.WaitAsync(silence.Token);
        if (headers.Get(ResultStream.OfferHeader) is not null)
        {
            calls.Open();
        }

        HistoryCache? histories = headers.Get(KeepsHistoryHeader) is null
            ? null : new HistoryCache(_options.KeptHistories, _options.KeptHistoryBytes);

        onConnected();
        Log.Connected(_logger);
        try
        {
            while (await call.ResponseStream.MoveNext(silence.Token))
            {
                silence.CancelAfter(LongestSilence);
                Dispatch(service, histories, call.ResponseStream.Current, stopping);
            }
        }
        catch (RpcException error) when (
            error.StatusCode == StatusCode.Cancelled && silence.IsCancellationRequested)
        {
            throw new OperationCanceledException(silence.Token);
        }
    }

    private void Dispatch(
        Service service, HistoryCache? histories, Proto.WorkItem item, CancellationToken stopping)
    {
        switch (item.RequestCase)
        {
            case Proto.WorkItem.RequestOneofCase.OrchestratorRequest:
                ThreadPool.UnsafeQueueUserWorkItem(
                    _ => _ = GuardAsync(
                        OrchestrationAsync(service, histories, item, stopping),
                        item.OrchestratorRequest.InstanceId),
                    null);
                break;
            case Proto.WorkItem.RequestOneofCase.ActivityRequest:
                ThreadPool.UnsafeQueueUserWorkItem(
                    _ => _ = GuardAsync(
                        ActivityAsync(service, item, stopping), item.ActivityRequest.OrchestrationInstance.InstanceId),
                    null);
                break;
            case Proto.WorkItem.RequestOneofCase.EntityRequest:
                ThreadPool.UnsafeQueueUserWorkItem(
                    _ => _ = GuardAsync(EntityAsync(service, item, stopping), item.EntityRequest.InstanceId),
                    null);
                break;
            case Proto.WorkItem.RequestOneofCase.EntityRequestV2:
                ThreadPool.UnsafeQueueUserWorkItem(
                    _ => _ = GuardAsync(EntityV2Async(service, item, stopping), item.EntityRequestV2.InstanceId),
                    null);
                break;
        }
    }

    private async Task GuardAsync(Task work, string instanceId)
    {
        try
        {
            await work;
        }
        catch (OperationCanceledException)
        {
            // The worker is stopping; the engine hands the item to another worker.
        }
        catch (Exception error)
        {
            // A dispatcher boundary: one broken item must not end the worker. The engine offers it again.
            Log.ItemFailed(_logger, error, instanceId);
        }
    }

    private Metadata Headers() => new()
    {
        { KeepsHistoryHeader, _options.KeptHistories.ToString(CultureInfo.InvariantCulture) },
    };

    private Proto.GetWorkItemsRequest Request()
    {
        var request = new Proto.GetWorkItemsRequest
        {
            MaxConcurrentActivityWorkItems = _options.Concurrency.MaximumConcurrentActivityWorkItems,
            MaxConcurrentOrchestrationWorkItems = _options.Concurrency.MaximumConcurrentOrchestrationWorkItems,
            MaxConcurrentEntityWorkItems = _options.Concurrency.MaximumConcurrentEntityWorkItems,
            Capabilities = { Proto.WorkerCapability.HistoryStreaming },
            WorkItemFilters = new Proto.WorkItemFilters(),
        };
        request.WorkItemFilters.Orchestrations.AddRange(_filters.Orchestrations.Select(
            filter => new Proto.OrchestrationFilter { Name = filter.Name, Versions = { filter.Versions ?? [] } }));
        request.WorkItemFilters.Activities.AddRange(_filters.Activities.Select(
            filter => new Proto.ActivityFilter { Name = filter.Name, Versions = { filter.Versions ?? [] } }));
        request.WorkItemFilters.Entities.AddRange(
            _filters.Entities.Select(filter => new Proto.EntityFilter { Name = filter.Name }));
        return request;
    }
}
