using Workflows.Service.Hosting;

namespace Workflows.Service.Tests.Hosting;

/// <summary>Commands of the programs that the service starts, installed in each way.</summary>
public sealed class OwnProgramsTests
{
    [Theory]
    [InlineData("/app", "/usr/lib/dotnet/shared/x", "/opt/dotnet/dotnet", "/opt/dotnet/dotnet /app/Worker.dll")]
    [InlineData("/app/", "/usr/lib/dotnet/shared/x", "/app/Workflows.Cli", "dotnet /app/Worker.dll")]
    [InlineData("/app", "/usr/lib/dotnet/shared/x", null, "dotnet /app/Worker.dll")]
    [InlineData("/app/", "/app", "/app/workflows", "/app/Worker")]
    public void ProgramOf_EachWayOfInstallation_NeedsNoOtherRuntime(
        string folder, string runtime, string? host, string expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The paths are those of Unix.");

        Assert.Equal(expected, string.Join(' ', OwnPrograms.ProgramOf("Worker", folder, runtime, host)));
    }
}
