using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Service.Runs;

namespace Workflows.Service.Hosting;

/// <summary>The emulator inside this service.</summary>
internal sealed class RehearsalCloud(ITpuEmulator emulator) : IRehearsalCloud
{
    public string? ScenarioOf(string project) => emulator.ScenarioOf(project);

    public void Prepare(string project, string scenario)
    {
        try
        {
            emulator.Prepare(project, scenario);
        }
        catch (ScenarioException exception)
        {
            throw new RunRequestException([new FieldError(
                "rehearsal.scenario", exception.Message, "See docs/rehearsal.md for the fields of a scenario.")]);
        }
    }
}
