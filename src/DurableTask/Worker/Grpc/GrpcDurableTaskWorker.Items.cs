using System.Diagnostics;
using global::Grpc.Core;
using Microsoft.DurableTask.Abstractions;
using Microsoft.DurableTask.Worker.Replay;
using Microsoft.DurableTask.Worker.Tracing;
using Microsoft.Extensions.DependencyInjection;
using MatchStrategy = Microsoft.DurableTask.Worker.DurableTaskWorkerOptions.VersionMatchStrategy;
using FailureStrategy = Microsoft.DurableTask.Worker.DurableTaskWorkerOptions.VersionFailureStrategy;
using Proto = Workflows.DurableTask.Protocol;
using Service = Workflows.DurableTask.Protocol.TaskHubSidecarService.TaskHubSidecarServiceClient;

namespace Microsoft.DurableTask.Worker.Grpc;

internal sealed partial class GrpcDurableTaskWorker
{
    private const int MostAttempts = 10;

    private async Task OrchestrationAsync(
        Service service, HistoryCache? histories, Proto.WorkItem item, CancellationToken stopping)
    {
        Proto.OrchestratorRequest request = item.OrchestratorRequest;
        KeptEvents? kept = null;
        if (request.HistoryAfter.Length > 0 && histories?.Take(request.InstanceId, request.HistoryAfter) is { } before)
        {
            kept = before;
            kept.Add(request.PastEvents);
        }

        IReadOnlyCollection<Proto.HistoryEvent> past = kept is not null ? kept.Events
            : request.RequiresHistoryStreaming || request.HistoryAfter.Length > 0
                ? await StreamHistoryAsync(service, request, stopping)
                : request.PastEvents;
        Proto.ExecutionStartedEvent? started = past.Concat(request.NewEvents)
            .FirstOrDefault(item => item.ExecutionStarted is not null)?.ExecutionStarted;
        Proto.OrchestratorResponse? response = await PassesFilterAsync(request, started, stopping)
            ? CheckVersion(request, started)
            : null;
        if (response is null)
        {
            await AbandonOrchestrationAsync(service, item.CompletionToken, stopping);
            return;
        }

        if (response.Actions.Count == 0)
        {
            var span = OrchestrationSpan.Find(request, past);
            response = OrchestrationRunner.Run(request.InstanceId, past, request.NewEvents, _worker, span);
            span?.Finish(response, past, request.NewEvents);
        }

        if (histories is not null && !response.Actions.Any(action => action.CompleteOrchestration is not null))
        {
            if (kept is null)
            {
                kept = new KeptEvents();
                kept.Add(past);
            }

            // Before the result goes out: the next episode may come before its receipt.
            kept.Add(request.NewEvents);
            histories.Put(request.InstanceId, item.CompletionToken, kept);
        }

        response.CompletionToken = item.CompletionToken;
        foreach (Proto.OrchestratorResponse part in CompletionParts.Split(
            response, _options.CompleteOrchestrationWorkItemChunkSizeInBytes))
        {
            if (!await TryCompleteAsync(
                () => service.CompleteOrchestratorTaskAsync(part, cancellationToken: stopping),
                request.InstanceId,
                stopping))
            {
                await AbandonOrchestrationAsync(service, item.CompletionToken, stopping);
                return;
            }
        }
    }

    private static async Task<List<Proto.HistoryEvent>> StreamHistoryAsync(
        Service service, Proto.OrchestratorRequest request, CancellationToken stopping)
    {
        var events = new List<Proto.HistoryEvent>();
        using AsyncServerStreamingCall<Proto.HistoryChunk> call = service.StreamInstanceHistory(
            new()
            {
                InstanceId = request.InstanceId,
                ExecutionId = request.ExecutionId,
                ForWorkItemProcessing = true,
            },
            cancellationToken: stopping);
        while (await call.ResponseStream.MoveNext(stopping))
        {
            events.AddRange(call.ResponseStream.Current.Events);
        }

        return events;
    }

    private async ValueTask<bool> PassesFilterAsync(
        Proto.OrchestratorRequest request, Proto.ExecutionStartedEvent? started, CancellationToken stopping)
    {
        IOrchestrationFilter? filter = _options.OrchestrationFilter ?? _services.GetService<IOrchestrationFilter>();
        if (filter is null || started is null)
        {
            return true;
        }

        var parameters = new OrchestrationFilterParameters
        {
            Name = started.Name,
            Tags = new Dictionary<string, string>(started.Tags),
        };
        bool passes = await filter.IsOrchestrationValidAsync(parameters, stopping);
        if (!passes)
        {
            Log.FilterRejected(_logger, request.InstanceId, started.Name);
        }

        return passes;
    }

    /// <summary>Null: another worker's version. With an action: failed for its version. Empty: go on.</summary>
    private Proto.OrchestratorResponse? CheckVersion(
        Proto.OrchestratorRequest request, Proto.ExecutionStartedEvent? started)
    {
        var response = new Proto.OrchestratorResponse { InstanceId = request.InstanceId };
        if (_worker.Versioning is not { MatchStrategy: not MatchStrategy.None } versioning)
        {
            return response;
        }

        string version = started?.Version ?? string.Empty;
        int order = TaskOrchestrationVersioningUtils.CompareVersions(version, versioning.Version);
        if (versioning.MatchStrategy == MatchStrategy.Strict ? order == 0 : order <= 0)
        {
            return response;
        }

        if (versioning.FailureStrategy == FailureStrategy.Reject)
        {
            Log.VersionRejected(_logger, request.InstanceId, version);
            return null;
        }

        string message = $"The orchestration's version '{version}' does not match the worker's version "
            + $"'{versioning.Version}' under the strategy {versioning.MatchStrategy}.";
        response.Actions.Add(new Proto.OrchestratorAction
        {
            CompleteOrchestration = new()
            {
                OrchestrationStatus = Proto.OrchestrationStatus.Failed,
                Result = message,
                FailureDetails = new() { ErrorType = "VersionMismatch", ErrorMessage = message, IsNonRetriable = true },
            },
        });
        return response;
    }

    private async Task ActivityAsync(Service service, Proto.WorkItem item, CancellationToken stopping)
    {
        Proto.ActivityRequest request = item.ActivityRequest;
        string instanceId = request.OrchestrationInstance.InstanceId;
        var response = new Proto.ActivityResponse
        {
            InstanceId = instanceId,
            TaskId = request.TaskId,
            CompletionToken = item.CompletionToken,
        };
        using Activity? span = TaskSpans.StartActivity(request);
        try
        {
            response.Result = await RunActivityAsync(request);
        }
        catch (ActivityNotFoundException error)
        {
            response.FailureDetails = new()
            {
                ErrorType = "ActivityTaskNotFound",
                ErrorMessage = error.Message,
                IsNonRetriable = true,
            };
        }
        catch (Exception error)
        {
            // Whatever user code throws is the activity's result.
            Log.ActivityFailed(_logger, error, request.Name, instanceId);
            TaskSpans.Fail(span, error.Message);
            response.FailureDetails = FailureConversion.ToProto(error, _worker.ExceptionProperties);
        }

        if (!await TryCompleteAsync(
            () => service.CompleteActivityTaskAsync(response, cancellationToken: stopping), instanceId, stopping))
        {
            await AbandonAsync(
                service.AbandonTaskActivityWorkItemAsync(
                    new() { CompletionToken = item.CompletionToken }, cancellationToken: stopping).ResponseAsync,
                instanceId);
        }
    }

    private async Task<string?> RunActivityAsync(Proto.ActivityRequest request)
    {
        var name = new TaskName(request.Name);
        Func<IServiceProvider, ITaskActivity> factory = _worker.Registry.FindActivity(name, request.Version)
            ?? throw new ActivityNotFoundException(request.Name);
        await using AsyncServiceScope scope = _services.CreateAsyncScope();
        ITaskActivity activity = factory(scope.ServiceProvider);
        string? data = WithoutBrackets(request.Input);
        object? input = data is null ? null : _worker.Converter.Deserialize(data, activity.InputType);
        var context = new ActivityContext(
            name, request.OrchestrationInstance.InstanceId, request.Version ?? string.Empty);
        return _worker.Converter.Serialize(await activity.RunAsync(context, input));
    }

    // An activity's input is a list of one, whatever it is.
    private static string? WithoutBrackets(string? input) =>
        input is ['[', .., ']'] ? input[1..^1] : input;

    /// <summary>False when the engine does not know the work item any more.</summary>
    private async Task<bool> TryCompleteAsync<T>(
        Func<AsyncUnaryCall<T>> complete, string instanceId, CancellationToken stopping)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await complete();
                return true;
            }
            catch (RpcException error) when (attempt < MostAttempts && IsTransient(error.StatusCode))
            {
                TimeSpan delay = TimeSpan.FromMilliseconds(Math.Min(15_000, 200 * Math.Pow(2, attempt - 1)));
                await Task.Delay(delay, _time, stopping);
            }
            catch (RpcException error)
            {
                stopping.ThrowIfCancellationRequested();
                Log.CompletionRefused(_logger, instanceId, $"{error.StatusCode}: {error.Status.Detail}");
                return false;
            }
        }
    }

    private static bool IsTransient(StatusCode code) =>
        code is StatusCode.Unavailable or StatusCode.Unknown or StatusCode.Internal or StatusCode.DeadlineExceeded;

    private async Task AbandonOrchestrationAsync(Service service, string token, CancellationToken stopping) =>
        await AbandonAsync(
            service.AbandonTaskOrchestratorWorkItemAsync(
                new() { CompletionToken = token }, cancellationToken: stopping).ResponseAsync,
            token);

    private async Task AbandonAsync<T>(Task<T> abandon, string instanceId)
    {
        try
        {
            await abandon;
        }
        catch (RpcException error)
        {
            // The engine takes items back by itself when the connection is gone.
            Log.CompletionRefused(_logger, instanceId, $"{error.StatusCode}: {error.Status.Detail}");
        }
    }

    private sealed class ActivityContext(TaskName name, string instanceId, string version) : TaskActivityContext
    {
        public override TaskName Name => name;

        public override string InstanceId => instanceId;

        public override string Version => version;
    }

    private sealed class ActivityNotFoundException(string name)
        : Exception($"No activity named '{name}' is registered in this worker.");
}
