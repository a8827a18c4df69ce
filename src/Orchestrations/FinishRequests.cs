using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Follows the requests to end the training early. Each is carried out by an activity, which notes it, so that none is
/// lost without a word. Waiting for an event leaves no trace in a history.
/// </summary>
/// <param name="context">The run's orchestration.</param>
/// <param name="runId">The run.</param>
internal sealed class FinishRequests(TaskOrchestrationContext context, RunId runId)
{
    private Task<FinishRequest> _next = Await(context);

    /// <summary>Gets the task that ends with the next request.</summary>
    public Task Next => _next;

    /// <summary>Carries out all requests that have arrived.</summary>
    public async Task TakeAsync()
    {
        while (_next.IsCompleted)
        {
            var request = await _next;
            _next = Await(context);

            // A training that goes on is no reason to lose the run.
            await context.UnlessItFailsAsync(
                () => context.FinishTrainingAsync(new FinishInput(runId, request)));
        }
    }

    private static Task<FinishRequest> Await(TaskOrchestrationContext context) =>
        context.WaitForExternalEvent<FinishRequest>(RunEvents.Finish);
}
