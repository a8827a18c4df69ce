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
            var path = scenarioPath?.Contains("://", StringComparison.Ordinal) == true
                ? new Uri(scenarioPath).LocalPath
                : scenarioPath;
            var scenario = path is null ? "{}" : await File.ReadAllTextAsync(path, cancellation);
            emulator.Prepare(project, scenario);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new RunRequestException([new FieldError(
                "rehearsal.scenario", $"The file cannot be read: {exception.Message}",
                "Give a file that the service may read.")]);
        }
        catch (ScenarioException exception)
        {
            throw new RunRequestException([new FieldError(
                "rehearsal.scenario", exception.Message, "See docs/rehearsal.md for the fields of a scenario.")]);
        }
    }
}
