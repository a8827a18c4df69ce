using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Looks over the cloud for what this service made and no run of its own keeps, again and again for as long as there is
/// the service. One instance, begun when the service starts; each look is a generation of its own.
/// </summary>
public sealed class SweepOrchestration : TaskOrchestrator<int, int>
{
    /// <summary>The one instance. No run can have this id: theirs have no capital letters.</summary>
    public const string TheInstance = "Sweep";

    /// <summary>Seconds until the next look after one that broke.</summary>
    private const double AfterFault = 300;

    /// <summary>Makes one look, and waits for the next.</summary>
    /// <param name="context">The orchestration.</param>
    /// <param name="input">Looks before this one.</param>
    /// <returns>The number of looks, once the service's settings want no more of them.</returns>
    public override async Task<int> RunAsync(TaskOrchestrationContext context, int input)
    {
        // Listened for from the beginning: a service that starts during a look wants another one.
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

        // The event only wakes: the look that follows reads the state of the cloud, so a lost one does no harm.
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
            // Never given up: what it would find costs money.
            context.CreateReplaySafeLogger<SweepOrchestration>()
                .NotSwept(AfterFault / 60, exception.FailureDetails.ErrorMessage);
            return new SweepLook(0, AfterFault);
        }
    }
}
