using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Service.Runs;

namespace Workflows.Service.Hosting;

/// <summary>The emulator inside this service.</summary>
internal sealed class RehearsalCloud(ITpuEmulator emulator) : IRehearsalCloud
{
    public async Task PrepareAsync(string project, string? scenarioPath, CancellationToken cancellation)
    {
        try
        {
            var scenario = scenarioPath is null ? "{}" : await File.ReadAllTextAsync(scenarioPath, cancellation);
            emulator.Prepare(project, scenario);
        }
        catch (ScenarioException exception)
        {
            throw new RunRequestException([new FieldError(
                "rehearsal.scenario", exception.Message, "See docs/rehearsal.md for the fields of a scenario.")]);
        }
    }
}
