using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Deletes every node that the run ever asked for and every other node with its label, and polls until the cloud
/// answers NOT_FOUND for each.
/// </summary>
public sealed class TeardownOrchestration : TaskOrchestrator<RunSpec, int>
{
    private const int PollsPerGeneration = 40;

    /// <summary>Runs the teardown.</summary>
    /// <param name="context">The orchestration.</param>
    /// <param name="input">The run.</param>
    /// <returns>The number of nodes that are proved gone.</returns>
    public override async Task<int> RunAsync(TaskOrchestrationContext context, RunSpec input)
    {
        for (var poll = 0; poll < PollsPerGeneration; poll++)
        {
            var nodes = await context.ReleaseAllAsync(input);
            if (nodes.All(node => node.ConfirmedNotFound))
            {
                return nodes.Count;
            }

            var pause = Math.Min(input.Pace.PollSeconds * (1 + poll / 5), 300);
            await context.CreateTimer(TimeSpan.FromSeconds(pause), CancellationToken.None);
        }

        // A delete that hangs is waited for as long as it takes: the alternative is a bill.
        context.ContinueAsNew(input);
        return 0;
    }
}
