using System.Text.Json;
using Grpc.Core;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Events;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Database;

namespace Workflows.Service.Runs;

/// <summary>
/// Tells runs of answers that their record has and that they have not heard of, because a service stopped between the
/// two: at the start, when another service has ended, and each hour. A run that hears an answer again ignores it.
/// </summary>
internal sealed partial class ApprovalWaker(
    DurableTaskClient client, RunLedger ledger, TimeProvider clock, ILogger<ApprovalWaker> logger,
    OtherServices? others = null) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1), Pause = TimeSpan.FromSeconds(5);

    private volatile TaskCompletionSource _ended = new();

    /// <summary>Looks once.</summary>
    /// <param name="cancellation">Cancels the look.</param>
    /// <returns>The runs that were told.</returns>
    public async Task<IReadOnlyList<RunId>> WakeAsync(CancellationToken cancellation)
    {
        var told = new List<RunId>();
        var query = new OrchestrationQuery
        {
            Statuses = [OrchestrationRuntimeStatus.Running],
            FetchInputsAndOutputs = false,
        };
        await foreach (var instance in client.GetAllInstancesAsync(query).WithCancellation(cancellation))
        {
            if (RunService.IsRun(instance) && AnswerOf(new RunId(instance.InstanceId)) is { } answer)
            {
                await client.RaiseEventAsync(instance.InstanceId, RunEvents.Approval, answer, cancellation);
                told.Add(new RunId(instance.InstanceId));
            }
        }

        return told;
    }

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        others?.Ended += Look;
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        others?.Ended -= Look;
        base.Dispose();
    }

    private void Look() => _ended.TrySetResult();

    /// <summary>Returns the answer to a run that asks in its record.</summary>
    private ApprovalDecision? AnswerOf(RunId runId) =>
        RunParts.Current(ledger.Read(runId)).LastOrDefault(entry => entry.Kind == LedgerKinds.Stage) is { } last
            && last.Data.Deserialize<StageInput>(RunLedger.Json)!.Stage == RunStageName.Approve
            ? RunEventFacts.DecisionOf(ledger, runId) : null;

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        var isTold = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            var next = Every;
            _ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            try
            {
                await WakeAsync(stoppingToken);
                isTold = false;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                next = Pause;

                // A backend elsewhere that does not answer yet is reported by its other users.
                if (!isTold && exception is not RpcException)
                {
                    isTold = true;
                    NotWoken(logger, Pause.TotalSeconds, exception);
                }
            }

            using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            await Task.WhenAny(_ended.Task, Task.Delay(next, clock, stop.Token));
            await stop.CancelAsync();
        }
    }

    [LoggerMessage(
        4298, LogLevel.Warning, "Runs that wait for approval could not be looked at; again in {Seconds} seconds")]
    private static partial void NotWoken(ILogger logger, double seconds, Exception exception);
}
