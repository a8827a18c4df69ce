using Microsoft.DurableTask;

namespace Workflows.Orchestrations;

/// <summary>
/// Follows the requests to suspend a run and to end its suspension, in the order of their arrival. Waiting for an event
/// leaves no trace in a history, so runs of version 2 that were started before there were suspensions can be suspended.
/// </summary>
/// <param name="context">The run's orchestration.</param>
internal sealed class SuspensionRequests(TaskOrchestrationContext context)
{
    private Task<SuspensionRequest> _next = Await(context);
    private bool _isAsked;

    /// <summary>Gets the task that ends with the next request.</summary>
    public Task Next => _next;

    /// <summary>Gets the reason of the last request; empty before the first.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>Reads all requests that have arrived.</summary>
    /// <returns>true if the last one asks for a suspension.</returns>
    public async Task<bool> IsAskedAsync()
    {
        while (_next.IsCompleted)
        {
            var request = await _next;
            (_isAsked, Reason) = (request.Suspends, request.Reason);
            _next = Await(context);
        }

        return _isAsked;
    }

    private static Task<SuspensionRequest> Await(TaskOrchestrationContext context) =>
        context.WaitForExternalEvent<SuspensionRequest>(RunEvents.Suspension);
}
