using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>What Terraform makes is what the settings, the code and the container files name.</summary>
public sealed partial class TerraformTests
{
    private static readonly string Terraform = string.Concat(
        Directory.EnumerateFiles(Checkout.PathOf("infra", "terraform"), "*.tf").Order(StringComparer.Ordinal)
            .Select(File.ReadAllText));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void SettingsThatOutputsAndScriptName_Exist()
    {
        var named = SettingsIn(Terraform + File.ReadAllText(Checkout.PathOf("infra", "environment.sh")));

        Assert.Contains("Workflows__Artifacts", named);
        Assert.All(named, name => Assert.True(Exists(name), $"{name} is no setting of the service."));
    }

    [Fact]
    public void SettingThatTheCatalogNames_Exists()
    {
        var note = JsonNode.Parse(File.ReadAllText(
            Checkout.PathOf("src", "Activities", "Capacity", "catalog.json")))!["note"]!.GetValue<string>();

        Assert.True(Exists($"Workflows__{note.Split("Workflows:")[1].TrimEnd('.')}"), note);
    }

    [Fact]
    public void Topics_OfTheDefaults_AreMade()
    {
        Assert.Equal(new DaprSettings().Topic, Default("ended_topic"));
        var compose = File.ReadAllText(Checkout.PathOf("docker-compose.yml"));
        Assert.Contains($"/subscriptions/{Default("topic")}\n", compose, StringComparison.Ordinal);
        Assert.Contains($"/topics/{Default("topic")}-dead-letter\n", compose, StringComparison.Ordinal);

        // The component may not make topics, so each that it publishes to is Terraform's.
        Assert.Contains(
            "disableEntityManagement",
            File.ReadAllText(Checkout.PathOf("infra", "dapr", "google", "pubsub.yaml")), StringComparison.Ordinal);
    }

    [Fact]
    public void AgeRule_DeletesRunsAlone()
    {
        var rule = LifecycleRule().Match(Terraform).Groups[1].Value;
        var code = File.ReadAllText(Checkout.PathOf("src", "Activities", "Artifacts", "RunArtifacts.cs"));

        Assert.Matches("matches_prefix += \\[\"runs/\"\\]", rule);
        Assert.Contains("$\"runs/{spec.RunId}\"", code, StringComparison.Ordinal);
        Assert.Contains("Child(\"models\")", code, StringComparison.Ordinal);
    }

    [Fact]
    public void Images_AreNamedAsTheContainerFilesAndTheScriptHaveThem()
    {
        Assert.Contains("/workflows-worker:latest\"", Terraform, StringComparison.Ordinal);
        Assert.EndsWith("/workflows-worker:latest", $"/{new ServiceSettings().WorkerImage}", StringComparison.Ordinal);
        Assert.Contains(
            "-docker.pkg.dev", File.ReadAllText(Checkout.PathOf("infra", "startup-script.sh")),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Environment_OfTerraformsOutputs_HasEverySetting()
    {
        var outputs = new JsonObject([.. Output().Matches(Terraform).Select(match => KeyValuePair.Create(
            match.Groups[1].Value, (JsonNode?)new JsonObject
            {
                ["sensitive"] = false,
                ["type"] = "string",
                ["value"] = $"value-of/{match.Groups[1].Value}",
            }))]);

        var (code, text) = await RunAsync(outputs.ToJsonString(new() { WriteIndented = true }));

        Assert.Equal(0, code);
        Assert.Contains("Workflows__Artifacts=value-of/artifacts\n", text, StringComparison.Ordinal);
        Assert.Contains("Workflows__WorkerImage=value-of/worker_image\n", text, StringComparison.Ordinal);
        Assert.Contains("Workflows__Dapr__Topic=value-of/ended_topic\n", text, StringComparison.Ordinal);
        Assert.Contains(
            "# Workflows__PubSub__EventsTopic, to publish events of runs: value-of/events_topic\n", text,
            StringComparison.Ordinal);
        Assert.All(
            outputs.Select(output => output.Key),
            name => Assert.Contains($"value-of/{name}\n", text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("no JSON")]
    [InlineData("")]
    public async Task Environment_OfSomethingElse_IsRefused(string input)
    {
        var (code, text) = await RunAsync(input);

        Assert.Equal((1, ""), (code, text));
    }

    private static async Task<(int Code, string Text)> RunAsync(string input)
    {
        using var folder = new TemporaryFolder();
        var answer = await Command.RunAsync(
            "bash", ["-c", $"'{Checkout.PathOf("infra", "environment.sh")}' <'{folder.Write("outputs.json", input)}'"]);
        Cancellation.ThrowIfCancellationRequested();
        return (answer.ExitCode, answer.Output);
    }

    /// <summary>Returns the settings that a text names.</summary>
    internal static IReadOnlyList<string> SettingsIn(string text) =>
        [.. Setting().Matches(text).Select(match => match.Value).Distinct()];

    /// <summary>Tells if the service has a setting.</summary>
    internal static bool Exists(string name)
    {
        var type = typeof(ServiceSettings);
        foreach (var part in name.Split("__")[1..])
        {
            if (type.GetProperty(part, BindingFlags.Public | BindingFlags.Instance) is not { } property)
            {
                return false;
            }

            type = property.PropertyType;
        }

        return true;
    }

    private static string Default(string variable) => Regex.Match(
        Terraform, $"(?s)variable \"{variable}\" \\{{.*?default += \"([^\"]+)\"").Groups[1].Value;

    [GeneratedRegex("Workflows__[A-Za-z_]+")]
    private static partial Regex Setting();

    [GeneratedRegex("(?s)dynamic \"lifecycle_rule\" \\{(.*?)\\n  \\}")]
    private static partial Regex LifecycleRule();

    [GeneratedRegex("(?m)^output \"([a-z_]+)\"")]
    private static partial Regex Output();
}
