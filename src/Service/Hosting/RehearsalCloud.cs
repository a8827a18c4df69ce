using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Service.Runs;

namespace Workflows.Service.Hosting;

/// <summary>The emulator inside this service, or the one that several services share.</summary>
internal sealed class RehearsalCloud(ITpuEmulator emulator, ServiceSettings settings) : IRehearsalCloud
{
    public string? ScenarioOf(string project) => emulator.ScenarioOf(project);

    public void Prepare(string project, string scenario)
    {
        if (settings.IsShared && settings.EmulatorAddress is null)
        {
            throw new RunRequestException([new FieldError(
                "rehearsal", "Services that share a database have no emulated cloud in common.",
                "Leave it out, or let the operator start an emulator and set Workflows:EmulatorAddress.")]);
        }

        try
        {
            emulator.Prepare(project, scenario);
        }
        catch (ScenarioException exception)
        {
            throw new RunRequestException([new FieldError(
                "rehearsal.scenario", exception.Message, "See docs/rehearsal.md for the fields of a scenario.")]);
        }
        catch (IOException exception) when (settings.EmulatorAddress is not null)
        {
            throw new RunRequestException([new FieldError(
                "rehearsal", exception.Message, "The operator finds it at Workflows:EmulatorAddress.")]);
        }
    }
}
