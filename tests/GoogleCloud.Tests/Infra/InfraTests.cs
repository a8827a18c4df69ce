using System.Text.RegularExpressions;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Infra;

/// <summary>The files that deploy the product, by the validators that are on the machine.</summary>
public sealed partial class InfraTests
{
    private const string Apt = "It is in Debian's and Ubuntu's packages.";
    private static readonly string Infra = Checkout.PathOf("infra");

    public static TheoryData<string> Dockerfiles =>
        [.. Directory.EnumerateFiles(Infra, "*.Dockerfile").Select(path => Path.GetFileName(path))];

    [Fact]
    public async Task ComposeFile_IsAccepted()
    {
        Command.Require("docker-compose", Apt);

        var answer = await Command.RunAsync("docker-compose", ["config", "--quiet"]);

        Assert.Equal((0, ""), (answer.ExitCode, answer.Error));
    }

    [Fact]
    public async Task ComposeFile_BuildsFromDockerfilesThatExist()
    {
        var compose = await File.ReadAllTextAsync(
            Checkout.PathOf("docker-compose.yml"), TestContext.Current.CancellationToken);
        var named = DockerfileKey().Matches(compose).Select(match => match.Groups[1].Value).ToList();

        Assert.NotEmpty(named);
        Assert.All(named, path => Assert.True(File.Exists(Checkout.PathOf(path)), path));
    }

    [Fact]
    public async Task YamlFiles_PassYamllint()
    {
        Command.Require("yamllint", Apt);

        var answer = await Command.RunAsync("yamllint", ["--strict", "docker-compose.yml", "infra"]);

        Assert.Equal((0, ""), (answer.ExitCode, answer.Output));
    }

    [Fact]
    public async Task ShellScripts_PassShellcheck()
    {
        Command.Require("shellcheck", Apt);

        var answer = await Command.RunAsync("shellcheck",
            Directory.EnumerateFiles(Infra, "*.sh", SearchOption.AllDirectories).Prepend("--severity=style"));

        Assert.Equal((0, ""), (answer.ExitCode, answer.Output));
    }

    [Fact]
    public async Task SystemdUnit_IsAccepted()
    {
        Command.Require("systemd-analyze", Apt);

        var answer = await Command.RunAsync(
            "systemd-analyze", ["verify", "--man=no", Path.Combine(Infra, "workflows.service")]);

        // It looks for the program, too, which is installed on a service's machine only.
        var words = answer.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => line.Contains("workflows.service", StringComparison.Ordinal)
                && !line.Contains("is not executable", StringComparison.Ordinal));
        Assert.Empty(words);
    }

    [Fact]
    public void SystemdUnit_GivesTheServiceItsTimeToStop()
    {
        var unit = File.ReadAllText(Path.Combine(Infra, "workflows.service"));

        var seconds = int.Parse(
            TimeoutStop().Match(unit).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);

        // The host's own limit is 30 s (docs/operations.md).
        Assert.InRange(seconds, 31, 300);
        Assert.Contains("Workflows.Service.dll", unit, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Terraform_IsFormatted()
    {
        Command.Require("terraform", "See https://developer.hashicorp.com/terraform/install.");

        var answer = await Command.RunAsync(
            "terraform", ["fmt", "-check", "-recursive", "-diff", "infra/terraform"],
            new Dictionary<string, string> { ["CHECKPOINT_DISABLE"] = "1" });

        Assert.Equal((0, ""), (answer.ExitCode, answer.Output));
    }

    /// <summary>Nothing is asked for over the network: the providers are those that the machine has.</summary>
    [Fact]
    public async Task Terraform_WhereItsProviderIs_IsValid()
    {
        Command.Require("terraform", "See https://developer.hashicorp.com/terraform/install.");
        string[] places =
        [
            Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".terraform.d", "plugins"),
            "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins",
            Environment.GetEnvironmentVariable("TF_PLUGIN_CACHE_DIR") ?? "",
        ];
        var place = Array.Find(places, folder => Directory.Exists(
            Path.Combine(folder, "registry.terraform.io", "hashicorp", "google")));
        Skipped.Unless(
            place is not null,
            "Terraform's provider for Google Cloud is not on this machine: TF_PLUGIN_CACHE_DIR=FOLDER terraform init "
            + "brings it, and the same variable shows it to this test.");
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Infra, "terraform"), "*.tf"))
        {
            File.Copy(file, folder[Path.GetFileName(file)]);
        }

        var environment = new Dictionary<string, string> { ["CHECKPOINT_DISABLE"] = "1" };
        var init = await Command.RunAsync(
            "terraform",
            [
                $"-chdir={folder.Path}", "init", "-backend=false", "-input=false", "-no-color",
                $"-plugin-dir={Path.GetFullPath(place!)}",
            ], environment);
        var answer = await Command.RunAsync(
            "terraform", [$"-chdir={folder.Path}", "validate", "-no-color"], environment);

        Assert.True(init.ExitCode == 0, $"{init.Output}{init.Error}");
        Assert.True(answer.ExitCode == 0, $"{answer.Output}{answer.Error}");
    }

    [Fact]
    public void TerraformVariables_AreAllUsedAndAllDescribed()
    {
        var texts = Directory.EnumerateFiles(Path.Combine(Infra, "terraform"), "*.tf")
            .Select(File.ReadAllText).ToList();
        var all = string.Join('\n', texts);
        var variables = VariableBlock().Matches(all).ToDictionary(
            match => match.Groups[1].Value, match => match.Groups[2].Value);

        Assert.NotEmpty(variables);
        Assert.Empty(VariableUse().Matches(all).Select(match => match.Groups[1].Value).Except(variables.Keys));
        Assert.Empty(variables.Keys.Except(VariableUse()
            .Matches(VariableBlock().Replace(all, "")).Select(match => match.Groups[1].Value)));
        Assert.All(variables, variable => Assert.Contains("description", variable.Value, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Dockerfiles))]
    public void Dockerfile_NamesProjectsThatExist_AndRunsWithoutRoot(string file)
    {
        var text = File.ReadAllText(Path.Combine(Infra, file));
        var projects = ProjectPath().Matches(text).Select(match => match.Value).Distinct().ToList();
        var assemblies = Assembly().Matches(text).Select(match => match.Groups[1].Value).Distinct();

        Assert.NotEmpty(projects);
        Assert.All(projects, path => Assert.True(File.Exists(Checkout.PathOf(path)), path));
        Assert.All(assemblies, name => Assert.Contains(projects, path =>
            Path.GetFileNameWithoutExtension(path) == name));
        Assert.Matches("(?m)^USER (?!root)", text);
        Assert.True(FromLine().Count(text) >= 2, "It is built in more than one stage.");
    }

    [Fact]
    public async Task StartupScript_WithoutAnImage_SaysSoAndPowersOff()
    {
        var (log, exitCode) = await BootAsync(attributes: []);

        Assert.NotEqual(0, exitCode);
        Assert.Contains("workflows-image", log, StringComparison.Ordinal);
        Assert.EndsWith("shutdown -h now\n", log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public async Task StartupScript_WhenTheWorkerEnds_PowersOffWithItsExitCode(int workerExit)
    {
        var (log, exitCode) = await BootAsync(
            new() { ["workflows-image"] = "europe-docker.pkg.dev/p/r/worker:1", ["workflows-max-minutes"] = "90" },
            workerExit);

        Assert.Equal(workerExit, exitCode);
        Assert.Matches(
            "(?s)shutdown -h \\+90 .*docker pull europe-docker.pkg.dev/p/r/worker:1\n.*docker run .* "
            + "europe-docker.pkg.dev/p/r/worker:1\n.*shutdown -h now\n$", log);
    }

    /// <summary>Runs the script with stand-ins for curl, docker and shutdown, which write down their calls.</summary>
    private static async Task<(string Log, int ExitCode)> BootAsync(
        Dictionary<string, string> attributes, int workerExit = 0)
    {
        using var folder = new TemporaryFolder("startup-");
        var log = folder["log"];
        foreach (var (name, value) in attributes)
        {
            folder.Write(name, value);
        }

        Stub("shutdown", $"echo \"shutdown $*\" >>'{log}'");
        Stub("docker", $"echo \"docker $*\" >>'{log}'; [ \"$1\" != run ] || exit {workerExit}");
        Stub("curl", $"for last; do :; done; cat \"{folder.Path}/${{last##*/}}\"");
        var answer = await Command.RunAsync(
            "bash", [Path.Combine(Infra, "startup-script.sh")],
            new Dictionary<string, string>
            {
                ["PATH"] = $"{folder.Path}:{Environment.GetEnvironmentVariable("PATH")}",
                ["WORKFLOWS_RETRY_SECONDS"] = "0",
            });
        return (
            answer.Error + await File.ReadAllTextAsync(log, TestContext.Current.CancellationToken), answer.ExitCode);

        void Stub(string program, string text)
        {
            var path = folder.Write(program, $"#!/bin/bash\n{text}\n");
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
    }

    [GeneratedRegex("dockerfile: (\\S+)")]
    private static partial Regex DockerfileKey();

    [GeneratedRegex("src/[A-Za-z0-9./]+\\.csproj")]
    private static partial Regex ProjectPath();

    [GeneratedRegex("\"([A-Za-z0-9.]+)\\.dll\"")]
    private static partial Regex Assembly();

    [GeneratedRegex("(?m)^FROM ")]
    private static partial Regex FromLine();

    [GeneratedRegex("(?ms)^variable \"([a-z_]+)\" \\{(.*?)^\\}")]
    private static partial Regex VariableBlock();

    [GeneratedRegex(@"^TimeoutStopSec=(\d+)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex TimeoutStop();

    [GeneratedRegex("\\bvar\\.([a-z_]+)")]
    private static partial Regex VariableUse();
}
