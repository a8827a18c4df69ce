using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Deletes every node that the run ever requested and every other node with its label, and polls until the cloud
/// answers NOT_FOUND for each.
/// </summary>
public sealed class TeardownOrchestration : TaskOrchestrator<RunSpec, int>
{
    private const int PollsPerGeneration = 40;

    /// <summary>The longest pause between two polls.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    /// <summary>Runs the teardown.</summary>
    /// <param name="context">The orchestration.</param>
    /// <param name="input">The run.</param>
    /// <returns>The number of nodes that are proved gone.</returns>
    public override async Task<int> RunAsync(TaskOrchestrationContext context, RunSpec input)
    {
        for (var poll = 0; poll < PollsPerGeneration; poll++)
        {
            IReadOnlyList<NodeRelease> nodes;
            try
            {
                nodes = await context.ReleaseAllAsync(input);
            }
            catch (TaskFailedException exception)
            {
                // After hours of tries, or without credentials. It always tries again, since existing nodes cost money.
                context.CreateReplaySafeLogger<TeardownOrchestration>()
                    .NotGivenBack(input.RunId, Longest.TotalMinutes, exception.FailureDetails.ErrorMessage);
                await context.CreateTimer(Longest, CancellationToken.None);
                break;
            }

            if (nodes.All(node => node.ConfirmedNotFound))
            {
                return nodes.Count;
            }

            var pause = Math.Min(input.Pace.PollSeconds * (1 + poll / 5), Longest.TotalSeconds);
            await context.CreateTimer(TimeSpan.FromSeconds(pause), CancellationToken.None);
        }

        // A deletion that hangs is waited for as long as it takes: the alternative is a bill.
        context.ContinueAsNew(input);
        return 0;
    }
}
