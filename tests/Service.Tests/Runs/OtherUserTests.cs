using Microsoft.Extensions.DependencyInjection;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>
/// A run whose worker is another user, who cannot enter the service's folder, as on a real VM: all that the worker
/// reads and writes goes over the bucket.
/// </summary>
public sealed class OtherUserTests
{
    private const string User = "65534";

    private static readonly string[] AsUser =
        ["setpriv", $"--reuid={User}", $"--regid={User}", "--clear-groups", "--bounding-set=-all", "--"];

    [Fact]
    public async Task Run_WhoseWorkerCannotEnterTheServicesFolder_Succeeds()
    {
        Skipped.Unless(
            OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess,
            "Only root can start a worker as another user. Run the tests as root to include this one.");
        Command.Require("setpriv", "It is part of util-linux.");
        var program = Path.Combine(AppContext.BaseDirectory, "Workflows.TpuWorker.Host.dll");
        Skipped.Unless(
            await MayAsync("test", "-r", program), $"User {User} cannot read {program}. Build below a folder that all "
            + "users may enter.");
        using var folder = new TemporaryFolder("workflows-other-user-");
        Assert.Equal(0, (await Command.RunAsync("chown", [$"{User}:{User}", folder.Path])).ExitCode);
        await using var service = new RunningService { Change = services => Tell(services, folder.Path) };
        await service.InitializeAsync();

        var id = await service.StartAsync(service.Request());
        var report = await service.ReportAsync(id);

        Assert.True(report.GetProperty("status").GetString() == "succeeded", $"{report}");
        Assert.Equal($"{User}\nrefused\n", await File.ReadAllTextAsync(
            folder["who"], TestContext.Current.CancellationToken));
        Assert.False(await MayAsync("ls", service.Settings.StateDirectory));
        Assert.True(File.Exists(Path.Combine(
            service.Settings.StateDirectory, "runs", id, "tuned", "model.safetensors")));
    }

    private static async Task<bool> MayAsync(params string[] command) =>
        (await Command.RunAsync(AsUser[0], [.. AsUser[1..], .. command])).ExitCode == 0;

    /// <summary>Lets the emulated VM write who it is, and that it cannot list the service's folder.</summary>
    private static void Tell(IServiceCollection services, string folder)
    {
        var options = services.Select(each => each.ImplementationInstance).OfType<EmulatorOptions>().Single();
        var state = Path.GetFullPath(options.StateDirectory);
        options.WorkerCommand =
        [
            "/bin/sh", "-c",
            $"{{ id -u; ls '{state}' 2>/dev/null || echo refused; }} >'{folder}/who'; exec \"$@\"", "vm",
            .. options.WorkerCommand,
        ];
    }
}
