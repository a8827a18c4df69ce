using DurableTask.Core.Exceptions;
using Grpc.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Sweeping;
using Workflows.Orchestrations;

namespace Workflows.Service.Sweeping;

/// <summary>
/// Starts the sweep when the service starts, or wakes the one that an earlier start began, which then reads the current
/// settings.
/// </summary>
internal sealed partial class SweepStarter(
    DurableTaskClient client, SweepSettings settings, IHostApplicationLifetime lifetime,
    ILogger<SweepStarter> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private static readonly OrchestrationRuntimeStatus[] UnderWay =
    [
        OrchestrationRuntimeStatus.Pending, OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Suspended,
    ];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A sweep before the ports listen would not reach the emulated cloud, and wait for a whole interval.
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(() => started.TrySetResult());
        await started.Task.WaitAsync(stoppingToken);

        var isTold = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await StartOrWakeAsync(stoppingToken);
                return;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // Nodes that nobody deletes cost money, so no fault ends the attempts. A backend elsewhere that does
                // not answer yet is reported by its other users.
                if (!isTold && exception is not RpcException)
                {
                    isTold = true;
                    Log.NotStarted(logger, Pause.TotalSeconds, exception);
                }

                await Task.Delay(Pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task StartOrWakeAsync(CancellationToken cancellation)
    {
        if (settings.Interval <= TimeSpan.Zero)
        {
            if (await client.GetInstanceAsync(SweepOrchestration.TheInstance, false, cancellation) is
                { IsCompleted: false })
            {
                await WakeAsync(cancellation);
            }

            return;
        }

        try
        {
            var options = new StartOrchestrationOptions { InstanceId = SweepOrchestration.TheInstance }
                .WithDedupeStatuses(UnderWay);
            await client.ScheduleNewOrchestrationInstanceAsync(
                nameof(SweepOrchestration), 0, options, cancellation);
        }
        catch (OrchestrationAlreadyExistsException)
        {
            await WakeAsync(cancellation);
        }
    }

    private Task WakeAsync(CancellationToken cancellation) => client.RaiseEventAsync(
        SweepOrchestration.TheInstance, RunEvents.Wake, "the service has started", cancellation);

    private static partial class Log
    {
        [LoggerMessage(4330, LogLevel.Error, "The sweep could not be started; tried again every {Seconds} s.")]
        public static partial void NotStarted(ILogger logger, double seconds, Exception exception);
    }
}
