using Microsoft.DurableTask.Client;
using Workflows.Activities.Sweeping;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Orchestrations;

namespace Workflows.Service.Sweeping;

/// <summary>Answers a sweep's questions about runs from the engine and the emulated cloud.</summary>
internal sealed class RunStandings(DurableTaskClient client, ITpuEmulator emulator) : IRunStandings
{
    public IReadOnlyList<string> RehearsalProjects
    {
        get
        {
            try
            {
                return emulator.Occupied();
            }
            catch (IOException)
            {
                // An emulator that is away costs nothing, and must not keep the sweep from nodes that do.
                return [];
            }
        }
    }

    public async Task<bool> IsLiveAsync(RunId runId, CancellationToken cancellationToken)
    {
        var run = await client.GetInstanceAsync(runId.Value, getInputsAndOutputs: false, cancellationToken);
        return run is { IsCompleted: false };
    }
}
