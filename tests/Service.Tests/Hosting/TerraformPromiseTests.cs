using System.Text.RegularExpressions;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>
/// The parts that docs/operations.md promises of infra/terraform are there, and no account has more rights than those
/// listed here.
/// </summary>
public sealed partial class TerraformPromiseTests
{
    private static readonly string Terraform = string.Join('\n',
        Directory.EnumerateFiles(Checkout.PathOf("infra", "terraform"), "*.tf").Order(StringComparer.Ordinal)
            .Select(File.ReadAllText));

    private static readonly Dictionary<string, string> Resources = Resource().Matches(Terraform).ToDictionary(
        match => $"{match.Groups[1].Value}.{match.Groups[2].Value}", match => match.Groups[3].Value);

    private static readonly string Script = File.ReadAllText(Checkout.PathOf("infra", "service-startup.sh"));

    [Theory]
    [InlineData("google_compute_network.this", "auto_create_subnetworks = true")]
    [InlineData("google_compute_disk.data", "prevent_destroy = true")]
    [InlineData("google_compute_instance.service", "google_service_account.service.email")]
    [InlineData("google_compute_address.service", "INTERNAL")]
    [InlineData("google_compute_router_nat.nat", "AUTO_ONLY")]
    [InlineData("google_secret_manager_secret.this", "local.secrets")]
    [InlineData("google_billing_budget.this", "FORECASTED_SPEND")]
    public void Resource_ThatIsPromised_IsThere(string name, string part) =>
        Assert.Contains(part, Resources[name], StringComparison.Ordinal);

    [Fact]
    public void Machine_HasNoAddressInTheInternet_AndKeepsItsStateOnTheDisk()
    {
        var machine = Resources["google_compute_instance.service"];

        Assert.DoesNotContain("access_config", machine, StringComparison.Ordinal);
        Assert.Contains("google_compute_disk.data[0].id", machine, StringComparison.Ordinal);
        Assert.Contains("device_name = \"workflows-data\"", machine, StringComparison.Ordinal);
        Assert.Contains("/dev/disk/by-id/google-workflows-data", Script, StringComparison.Ordinal);
        Assert.DoesNotContain("attached_disk", machine.Replace("  attached_disk {", "", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Firewall_LetsOnlyTheProxyAndTheNetworkIn()
    {
        var rules = Resources.Where(each => each.Key.StartsWith("google_compute_firewall.", StringComparison.Ordinal))
            .ToDictionary(each => each.Key.Split('.')[1], each => each.Value);

        Assert.Equal(["gateway", "ssh"], rules.Keys.Order(StringComparer.Ordinal));
        Assert.Matches("source_ranges += local.iap_ranges", rules["ssh"]);
        Assert.Matches("ports += \\[\"22\"\\]", rules["ssh"]);
        Assert.Matches("source_ranges += local.own_ranges", rules["gateway"]);
        Assert.Matches("target_service_accounts += \\[google_service_account.service.email\\]", rules["gateway"]);
        Assert.Contains("own_ranges = [\"10.128.0.0/9\"]", Terraform, StringComparison.Ordinal);
        Assert.Contains("iap_ranges = [\"35.235.240.0/20\"]", Terraform, StringComparison.Ordinal);
        Assert.DoesNotContain("0.0.0.0", Terraform, StringComparison.Ordinal);
        Assert.DoesNotContain("::/0", Terraform, StringComparison.Ordinal);
    }

    [Fact]
    public void Secrets_HaveNoValuesInTheState()
    {
        Assert.DoesNotContain("google_secret_manager_secret_version", Terraform, StringComparison.Ordinal);
        Assert.DoesNotContain("secret_data", Terraform, StringComparison.Ordinal);
        foreach (var name in new[] { "hugging-face-token", "gateway-certificate", "gateway-key" })
        {
            Assert.Matches($"(?m)^    {name} +=", Terraform);
            Assert.Contains(name, Script, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Budget_WarnsAtHalfAtNineTenthsAndAtAll()
    {
        var budget = Resources["google_billing_budget.this"];

        Assert.Contains("for_each = [0.5, 0.9, 1.0]", budget, StringComparison.Ordinal);
        Assert.Matches("threshold_percent = 1.0\\s+spend_basis +=\\s+\"FORECASTED_SPEND\"", budget);
        Assert.Contains("data.google_project.this.number", budget, StringComparison.Ordinal);
    }

    [Fact]
    public void Roles_AreTheseAndNoOthers()
    {
        var given = Resources.Where(each => each.Key.Contains("_iam_", StringComparison.Ordinal))
            .SelectMany(each => Role().Matches(each.Value).Select(match => $"{each.Key} {match.Value}"))
            .Order(StringComparer.Ordinal);

        Assert.Equal(
            [
                "google_artifact_registry_repository_iam_member.pulls roles/artifactregistry.reader",
                "google_project_iam_member.service roles/browser",
                "google_project_iam_member.service roles/cloudquotas.viewer",
                "google_project_iam_member.service roles/logging.logWriter",
                "google_project_iam_member.service roles/serviceusage.serviceUsageConsumer",
                "google_project_iam_member.service roles/tpu.admin",
                "google_project_iam_member.service_uses_network roles/compute.networkUser",
                "google_project_iam_member.worker roles/logging.logWriter",
                "google_pubsub_subscription_iam_member.agent_forwards roles/pubsub.subscriber",
                "google_pubsub_subscription_iam_member.service_receives roles/pubsub.subscriber",
                "google_pubsub_topic_iam_member.dead_letter roles/pubsub.publisher",
                "google_pubsub_topic_iam_member.service_publishes roles/pubsub.publisher",
                "google_pubsub_topic_iam_member.service_publishes_events roles/pubsub.publisher",
                "google_secret_manager_secret_iam_member.service_reads roles/secretmanager.secretAccessor",
                "google_service_account_iam_member.service_acts_as_worker roles/iam.serviceAccountUser",
                "google_storage_bucket_iam_member.artifacts roles/storage.objectAdmin",
                "google_storage_bucket_iam_member.service_sees_bucket roles/storage.legacyBucketReader",
            ],
            given);
        Assert.DoesNotMatch("_iam_(policy|binding)", Terraform);
        Assert.DoesNotMatch("roles/(owner|editor)\\b", Terraform);
        Assert.DoesNotContain("allUsers", Terraform, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_OfTheScriptAndTheMachine_Exist()
    {
        var machine = MachineSettings().Match(Terraform).Value;
        var named = TerraformTests.SettingsIn(Script + machine);

        Assert.Contains("Workflows__GatewayKey", named);
        Assert.Contains("Workflows__GatewayAddress", named);
        Assert.All(named, name => Assert.True(TerraformTests.Exists(name), $"{name} is no setting of the service."));
    }

    [Fact]
    public void Settings_OfTheMachine_HaveThoseOfTheEnvironment()
    {
        var machine = TerraformTests.SettingsIn(MachineSettings().Match(Terraform).Value);
        var environment = File.ReadLines(Checkout.PathOf("infra", "environment.sh"))
            .Where(line => line.Contains("setting[", StringComparison.Ordinal))
            .SelectMany(TerraformTests.SettingsIn).ToList();

        Assert.Equal(5, environment.Count);
        Assert.Empty(environment.Except(machine));
    }

    [Fact]
    public void Attributes_ThatTheScriptReads_AreThoseThatTerraformWrites()
    {
        var written = Attribute().Matches(Resources["google_compute_instance.service"])
            .Select(match => match.Groups[1].Value);
        var read = ReadAttribute().Matches(Script).Select(match => match.Groups[1].Value);

        Assert.Equal(written.Order(StringComparer.Ordinal), read.Order(StringComparer.Ordinal));
    }

    [GeneratedRegex("(?ms)^resource \"([a-z0-9_]+)\" \"([a-z_]+)\" \\{\n(.*?)^\\}")]
    private static partial Regex Resource();

    [GeneratedRegex("roles/[A-Za-z.]+")]
    private static partial Regex Role();

    [GeneratedRegex("(?ms)^  service_settings = merge\\(\\{.*?^  \\}")]
    private static partial Regex MachineSettings();

    [GeneratedRegex("(?m)^    (workflows-[a-z]+) +=")]
    private static partial Regex Attribute();

    [GeneratedRegex("attribute attributes/(workflows-[a-z]+)")]
    private static partial Regex ReadAttribute();
}
