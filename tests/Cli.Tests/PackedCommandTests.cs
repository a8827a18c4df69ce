using System.Xml.Linq;
using Workflows.TestKit;

namespace Workflows.Cli.Tests;

/// <summary>The command as people get it: a .NET tool of the package, and an archive with its own runtime.</summary>
public sealed class PackedCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("packed-");

    public void Dispose() => _folder.Dispose();

    /// <summary>Packs the build that the tests are part of, and asks no registry.</summary>
    [Fact]
    public async Task Tool_InstalledFromItsPackage_HasTheCommandItsServiceAndTheWorker()
    {
        // Compiled ahead of time it would be the same package after one and a half minutes.
        await DoneAsync(
            "dotnet", "pack", Checkout.PathOf("src", "Cli"), "--no-build", "--configuration", Configuration,
            "-p:PublishReadyToRun=false", $"-p:PublishDir={_folder["publish"]}/", "--output", _folder["packages"]);
        var sources = _folder.Write("nuget.config", new XElement(
            "configuration", new XElement(
                "packageSources", new XElement("clear"),
                new XElement("add", new XAttribute("key", "local"), new XAttribute("value", _folder["packages"]))))
            .ToString());
        await DoneAsync(
            "dotnet", "tool", "install", "Workflows.Cli", "--tool-path", _folder["tools"], "--configfile", sources);

        // It asks the metadata server for seconds before it gives up.
        var worker = RunAsync("dotnet", Directory.GetFiles(
            _folder["tools"], "Workflows.TpuWorker.Host.dll", SearchOption.AllDirectories).Single());
        await AnswersAsync(_folder["tools/workflows"]);

        var (_, output, error) = await worker;
        Assert.Contains("metadata server", output + error, StringComparison.Ordinal);
    }

    /// <summary>Compiles everything ahead of time, which takes minutes and, once, a download.</summary>
    [Fact]
    public async Task Archive_UnpackedWhereNoRuntimeIs_Answers()
    {
        Skipped.Unless(
            Environment.GetEnvironmentVariable("WORKFLOWS_ARCHIVE") is { Length: > 0 },
            "The archive takes minutes to compile. Set WORKFLOWS_ARCHIVE=1 to make one and start its command.");
        Skipped.Unless(OperatingSystem.IsLinux(), "The archive of this test is for Linux.");
        var archive = (await DoneAsync("bash", Checkout.PathOf("eng", "make-archive.sh"), "linux-x64",
            _folder["archives"])).Trim().Split('\n')[^1];
        await DoneAsync("tar", "-xzf", archive, "-C", _folder.Path);

        await AnswersAsync(_folder["workflows/workflows"]);
    }

    /// <summary>The configuration of this build: artifacts/bin/PROJECT/CONFIGURATION.</summary>
    private static string Configuration =>
        new DirectoryInfo(AppContext.BaseDirectory).Name.Equals("release", StringComparison.OrdinalIgnoreCase)
            ? "Release" : "Debug";

    private async Task AnswersAsync(string command)
    {
        Assert.Matches(@"^\d+\.\d+\.\d+", await DoneAsync(command, "--version"));
        Assert.Contains("init <file>", await DoneAsync(command, "--help"), StringComparison.Ordinal);
        var reference = _folder.Write("reference.txt", "The cat sat on the mat.\n");
        Assert.Contains(
            "100.0", await DoneAsync(command, "score", reference, "-i", reference), StringComparison.Ordinal);

        // Starts the service inside the command, with the engine and the emulated cloud.
        var list = await DoneAsync(command, "list", "--state", _folder["state"]);
        Assert.StartsWith("There are no runs yet", list, StringComparison.Ordinal);
        Assert.True(Directory.Exists(_folder["state/engine"]), "The command has started no service.");
    }

    private async Task<string> DoneAsync(string program, params string[] arguments)
    {
        var (code, output, error) = await RunAsync(program, arguments);
        Assert.True(code == 0, $"{program} {string.Join(' ', arguments)} ended with {code}:\n{output}\n{error}");
        return output;
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(string program, params string[] arguments) =>
        Command.RunAsync(
            program, arguments, new Dictionary<string, string>
            {
                ["WORKFLOWS_SERVICE"] = "",
                ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
                ["DOTNET_NOLOGO"] = "1",
                ["GCE_METADATA_HOST"] = "127.0.0.1:1",
                ["DOTNET_SKIP_FIRST_TIME_EXPERIENCE"] = "1",
            }, _folder.Path);
}
