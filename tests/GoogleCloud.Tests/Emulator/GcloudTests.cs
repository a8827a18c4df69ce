using System.Text.Json.Nodes;
using Workflows.TestKit;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>Google's own command drives the emulator, and prints the cloud's words.</summary>
public sealed class GcloudTests : IDisposable
{
    private const string Zone = "us-west4-a";
    private readonly TemporaryFolder _folder = new("gcloud-");

    public GcloudTests() => Command.Require("gcloud", "Install the Google Cloud CLI to let it drive the emulator.");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Gcloud_DrivesANodeThroughItsLife()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"createSeconds": 0.1, "deleteSeconds": 0.1}""", isRealTime: true);
        var create = await GcloudAsync(host,
            "create", "n1", "--accelerator-type=v5litepod-4", "--version=v2-alpha-tpuv5-lite", "--labels=team=one");
        var list = await GcloudAsync(host, "list", "--format=json");
        var update = await GcloudAsync(host, "update", "n1", "--update-labels=team=two", "--add-tags=seen");
        var described = await GcloudAsync(host, "describe", "n1", "--format=json");
        var stop = await GcloudAsync(host, "stop", "n1");
        var stopped = await GcloudAsync(host, "describe", "n1", "--format=value(state)");
        var delete = await GcloudAsync(host, "delete", "n1");
        var gone = await GcloudAsync(host, "describe", "n1");

        Assert.All(
            [create, list, update, described, stop, stopped, delete],
            answer => Assert.Equal((0, answer), (answer.ExitCode, answer)));
        Assert.Equal("READY", (string?)Assert.Single(JsonNode.Parse(list.Output)!.AsArray())!["state"]);
        var node = JsonNode.Parse(described.Output)!;
        Assert.Equal("two", (string?)node["labels"]!["team"]);
        Assert.Equal("seen", (string?)node["tags"]![0]);
        Assert.Equal("STOPPED", stopped.Output.Trim());
        Assert.Equal(1, gone.ExitCode);
        Assert.Contains("NOT_FOUND: Resource 'projects/demo-proj/locations/us-west4-a/nodes/n1' was not found",
            gone.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"refuse\": \"LOCATION_POLICY_VIOLATED\"",
        "PERMISSION_DENIED: Permission denied on 'locations/us-west4-a' (or it may not exist).",
        "reason: LOCATION_POLICY_VIOLATED")]
    [InlineData("\"quota\": {\"TPUV5sLitepodServingPerProjectPerZoneForTPUAPI\": 4}",
        "RESOURCE_EXHAUSTED: Quota 'TPUV5sLitepodServingPerProjectPerZoneForTPUAPI' exhausted. "
            + "Limit 4 in zone us-west4-a",
        "subject: project:123456789012")]
    [InlineData("\"acceleratorTypes\": [\"v6e-8\"]",
        "INVALID_ARGUMENT: Cloud TPU received a bad request. The requested accelerator configuration for accelerator "
        + "type, \"v5litepod-8\", could not be found in the zonal accelerator configurations for \"us-west4-a\".; the "
        + "accelerator v5litepod-8 was not found in zone us-west4-a [EID: 0x", "ERROR")]
    public async Task Gcloud_OnARefusal_PrintsTheCloudsWords(string rule, string text, string detail)
    {
        await using var host = await EmulatorHost.StartAsync(
            "{\"zones\": {\"us-west4-a\": {" + rule + "}}}", isRealTime: true);

        var answer = await GcloudAsync(
            host, "create", "n1", "--accelerator-type=v5litepod-8", "--version=v2-alpha-tpuv5-lite");

        Assert.Equal(1, answer.ExitCode);
        Assert.Contains($"ERROR: (gcloud.compute.tpus.tpu-vm.create) {text}", answer.Error, StringComparison.Ordinal);
        Assert.Contains(detail, answer.Error, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> GcloudAsync(
        EmulatorHost host, string verb, params string[] arguments) => Command.RunAsync(
        "gcloud", ["compute", "tpus", "tpu-vm", verb, .. arguments, $"--zone={Zone}"],
        new Dictionary<string, string>
        {
            ["CLOUDSDK_CONFIG"] = _folder.Path,
            ["CLOUDSDK_API_ENDPOINT_OVERRIDES_TPU"] = $"http://127.0.0.1:{host.RestPort}/",
            ["CLOUDSDK_CORE_PROJECT"] = EmulatorHost.Project,
            ["CLOUDSDK_CORE_DISABLE_PROMPTS"] = "1",
            ["CLOUDSDK_CORE_CHECK_GCE_METADATA"] = "false",
            ["CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API"] = "false",
            ["CLOUDSDK_CORE_DISABLE_USAGE_REPORTING"] = "true",
            ["CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK"] = "true",
            ["CLOUDSDK_AUTH_DISABLE_CREDENTIALS"] = "true",
        });
}
