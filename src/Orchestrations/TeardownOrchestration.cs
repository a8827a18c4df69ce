using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Gives back every node that the run ever asked for, and whatever else carries its label, and looks again until the
/// cloud answers NOT_FOUND for each.
/// </summary>
public sealed class TeardownOrchestration : TaskOrchestrator<RunSpec, int>
{
    private const int LooksPerGeneration = 40;

    /// <summary>Runs the teardown.</summary>
    /// <param name="context">The orchestration.</param>
    /// <param name="input">The run.</param>
    /// <returns>The number of nodes that are proved gone.</returns>
    public override async Task<int> RunAsync(TaskOrchestrationContext context, RunSpec input)
    {
        for (var look = 0; look < LooksPerGeneration; look++)
        {
            var nodes = await context.ReleaseAllAsync(input);
            if (nodes.All(node => node.ConfirmedNotFound))
            {
                return nodes.Count;
            }

            var pause = Math.Min(input.Pace.PollSeconds * (1 + look / 5), 300);
            await context.CreateTimer(TimeSpan.FromSeconds(pause), CancellationToken.None);
        }

        // A delete that hangs is waited for as long as it takes: the alternative is a bill.
        context.ContinueAsNew(input);
        return 0;
    }
}
