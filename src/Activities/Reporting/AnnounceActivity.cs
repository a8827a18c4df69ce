using Microsoft.DurableTask;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Whoever wants to hear of the end of runs.</summary>
public interface IRunAnnouncer
{
    /// <summary>Tells the end of a run; may be called again for the same run.</summary>
    /// <param name="end">How it ended.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A task that completes when it was taken.</returns>
    public Task AnnounceAsync(RunEnd end, CancellationToken cancellationToken);
}

/// <summary>Tells the end of a run to every announcer.</summary>
public sealed class AnnounceActivity(IEnumerable<IRunAnnouncer> announcers) : TaskActivity<RunEnd, int>
{
    /// <summary>Announces.</summary>
    /// <param name="context">The activity.</param>
    /// <param name="input">How the run ended.</param>
    /// <returns>How many were told.</returns>
    public override async Task<int> RunAsync(TaskActivityContext context, RunEnd input)
    {
        var told = 0;
        foreach (var announcer in announcers)
        {
            await announcer.AnnounceAsync(input, CancellationToken.None);
            told++;
        }

        return told;
    }
}
