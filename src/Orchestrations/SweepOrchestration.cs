using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Sweeps the cloud again and again, for as long as the service exists, for resources that this service created and no
/// run of it uses. There is one instance, begun when the service starts; each sweep is a generation of its own.
/// </summary>
public sealed class SweepOrchestration : TaskOrchestrator<int, int>
{
    /// <summary>The id of the one instance. No run can have it, since run ids have no capital letters.</summary>
    public const string TheInstance = "Sweep";

    /// <summary>Seconds until the next sweep after one that failed.</summary>
    private const double AfterFault = 300;

    /// <summary>Makes one sweep, and waits for the next.</summary>
    /// <param name="context">The orchestration.</param>
    /// <param name="input">The number of sweeps before this one.</param>
    /// <returns>The number of sweeps, once the service's settings disable them.</returns>
    public override async Task<int> RunAsync(TaskOrchestrationContext context, int input)
    {
        // Awaited from the beginning: a service that starts during a sweep requests another one.
        using var noEvent = new CancellationTokenSource();
        var wake = context.WaitForExternalEvent<string>(RunEvents.Wake, noEvent.Token);
        var look = await LookAsync(context, input);
        context.SetCustomStatus(look);
        if (look.NextSeconds <= 0)
        {
            noEvent.Cancel();
            return input + 1;
        }

        using var stop = new CancellationTokenSource();
        var timer = context.CreateTimer(TimeSpan.FromSeconds(look.NextSeconds), stop.Token);
        await Task.WhenAny(timer, wake);

        // The event only wakes: the sweep that follows reads the state of the cloud, so a lost event does no harm.
        stop.Cancel();
        noEvent.Cancel();
        context.ContinueAsNew(input + 1);
        return input + 1;
    }

    private static async Task<SweepLook> LookAsync(TaskOrchestrationContext context, int number)
    {
        try
        {
            return await context.SweepAsync(number);
        }
        catch (TaskFailedException exception)
        {
            // The sweep is always repeated, since the resources that it would find cost money.
            context.CreateReplaySafeLogger<SweepOrchestration>()
                .NotSwept(AfterFault / 60, exception.FailureDetails.ErrorMessage);
            return new SweepLook(0, AfterFault);
        }
    }
}
