using System.Text.RegularExpressions;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Infra;

/// <summary>The services of docker-compose.yml, as docker-compose itself understands them.</summary>
public sealed partial class ComposeTests
{
    /// <summary>Containers without a health check of their own, each of which the file gives a reason for.</summary>
    private static readonly string[] Unchecked = ["dapr", "loopback", "pubsub-topics", "scheduler"];

    [Fact]
    public async Task Services_OfAllProfiles_AreTheDocumentedOnes()
    {
        var services = await ServicesAsync("--profile", "dapr", "--profile", "two");

        Assert.Equal(
            [
                "dapr", "emulator", "loopback", "postgres", "pubsub", "pubsub-topics", "scheduler", "service", "two-a",
                "two-b",
            ],
            services.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Services_WithoutAProfile_NeedNoDaprAndNoDatabase() =>
        Assert.Equal(
            ["emulator", "loopback", "pubsub", "pubsub-topics", "service"],
            (await ServicesAsync())
                .Where(each => !each.Value.Contains("\n    profiles:\n", StringComparison.Ordinal))
                .Select(each => each.Key).Order(StringComparer.Ordinal));

    [Fact]
    public async Task Ports_ThatArePublished_AreThoseOfThisMachineAlone()
    {
        var services = await ServicesAsync("--profile", "dapr", "--profile", "two");
        var ports = services.Values.SelectMany(text => Port().Matches(text)).Select(match => match.Value.Trim())
            .ToList();

        Assert.Equal(4, ports.Count);
        Assert.All(ports, port => Assert.StartsWith("- 127.0.0.1:", port, StringComparison.Ordinal));
        Assert.Equal(ports.Count, ports.Select(port => port.Split(':')[1]).Distinct().Count());
        Assert.All(
            services.Values, text => Assert.DoesNotContain("network_mode: host", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Servers_HaveAHealthCheck()
    {
        var services = await ServicesAsync("--profile", "dapr", "--profile", "two");

        Assert.Equal(
            Unchecked,
            services.Where(each => !each.Value.Contains("\n    healthcheck:\n", StringComparison.Ordinal))
                .Select(each => each.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Emulator_SharesTheServicesLoopbackAndStartsWorkersThatItsImageHas()
    {
        var services = await ServicesAsync();
        var image = await File.ReadAllTextAsync(
            Checkout.PathOf("infra", "emulator.Dockerfile"), TestContext.Current.CancellationToken);

        Assert.Contains("network_mode: service:loopback", services["service"], StringComparison.Ordinal);
        Assert.Contains("network_mode: service:loopback", services["emulator"], StringComparison.Ordinal);
        Assert.Contains(
            "Workflows__EmulatorAddress: http://127.0.0.1:8085", services["service"], StringComparison.Ordinal);
        Assert.Contains("--any-host=false", services["emulator"], StringComparison.Ordinal);
        Assert.Contains(
            "--worker=dotnet /app/worker/Workflows.TpuWorker.Host.dll", services["emulator"], StringComparison.Ordinal);
        Assert.Contains(
            "src/TpuWorker/Host/Workflows.TpuWorker.Host.csproj -c Release -o /app/worker", image,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("service.Dockerfile", "Workflows.Service.dll")]
    [InlineData("sidecar.Dockerfile", "Workflows.DurableTask.Sidecar.dll")]
    [InlineData("emulator.Dockerfile", "Workflows.GoogleCloud.TpuEmulator.dll")]
    public void Image_OfAServer_AsksTheProgramThatItStarts(string file, string program)
    {
        var text = File.ReadAllText(Checkout.PathOf("infra", file));

        Assert.Matches($"(?m)^HEALTHCHECK .*CMD \\[\"dotnet\", \"{Regex.Escape(program)}\", \"--health\"\\]$", text);
        Assert.Matches($"(?m)^ENTRYPOINT \\[\"dotnet\", \"{Regex.Escape(program)}\"", text);
    }

    /// <summary>Returns the text of each service, with anchors and merges resolved.</summary>
    private static async Task<Dictionary<string, string>> ServicesAsync(params string[] profiles)
    {
        Command.Require("docker-compose", "It is in Debian's and Ubuntu's packages.");
        var names = await Command.RunAsync("docker-compose", [.. profiles, "config", "--services"]);
        var config = await Command.RunAsync("docker-compose", [.. profiles, "config"]);
        Assert.Equal((0, 0), (names.ExitCode, config.ExitCode));
        var services = Section().Match(config.Output).Groups[1].Value;
        var all = Service().Matches(services).ToDictionary(match => match.Groups[1].Value, match => match.Value);
        return names.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .ToDictionary(name => name, name => all[name]);
    }

    [GeneratedRegex("(?ms)^services:\n(.*?)(?=^\\w|\\z)")]
    private static partial Regex Section();

    [GeneratedRegex("(?m)^  ([a-z-]+):\n(?:    .*\n)*")]
    private static partial Regex Service();

    [GeneratedRegex("(?m)(?<=\n    ports:\n(?:    - .*\n)*)    - .*$")]
    private static partial Regex Port();
}
