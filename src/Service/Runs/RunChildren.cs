using Microsoft.DurableTask.Client;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>Finds the orchestrations that belong to a run: those of its stages, in all of its parts.</summary>
internal static class RunChildren
{
    private static readonly string[] Names =
        [nameof(TpuWorkOrchestration), nameof(AcquireTpuOrchestration), nameof(TeardownOrchestration)];

    /// <summary>Lists them.</summary>
    /// <param name="client">The engine.</param>
    /// <param name="runId">The run.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Their instances, without inputs and outputs.</returns>
    public static async Task<IReadOnlyList<OrchestrationMetadata>> OfAsync(
        DurableTaskClient client, RunId runId, CancellationToken cancellation)
    {
        var found = new List<OrchestrationMetadata>();
        var query = new OrchestrationQuery { InstanceIdPrefix = $"{runId}:", FetchInputsAndOutputs = false };
        await foreach (var instance in client.GetAllInstancesAsync(query).WithCancellation(cancellation))
        {
            // A shared engine may have instances of other applications with such ids.
            if (Names.Contains(instance.Name, StringComparer.Ordinal))
            {
                found.Add(instance);
            }
        }

        return found;
    }

    /// <summary>Returns the stage of a child.</summary>
    /// <param name="instanceId">Its id, such as <c>run-1:train-2</c> or <c>run-1:train-s1:acquire-3</c>.</param>
    /// <returns>The stage's word, such as <c>train</c>.</returns>
    public static string StageOf(string instanceId) => instanceId.Split(':')[1].Split('-')[0];
}
