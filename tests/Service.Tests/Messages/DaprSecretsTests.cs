using Workflows.Service.Hosting;
using Workflows.Service.Logs;
using Workflows.Service.Messages;

namespace Workflows.Service.Tests.Messages;

/// <summary>Settings that are secrets come from a Dapr secret store, if one is set.</summary>
public sealed class DaprSecretsTests
{
    private readonly ServiceSettings _settings = new();

    [Fact]
    public async Task Secrets_OfTheStore_AreThoseOfTheSettings()
    {
        await using var sidecar = await FakeDapr.StartAsync();
        sidecar.Secrets["workflows-database"] = new() { ["workflows-database"] = "Host=db;Password=secret" };
        sidecar.Secrets["hub"] = new() { ["value"] = "hub-9f2-token\r\n" };
        Name(sidecar.Address, ("Database", "workflows-database"), ("huggingFaceToken", "hub"));

        await DaprSecrets.ReadAsync(_settings);

        Assert.Equal("Host=db;Password=secret", _settings.Database);
        Assert.Equal("hub-9f2-token", _settings.HuggingFaceToken);
        Assert.Equal("401 for [secret].", SecretText.Without("401 for hub-9f2-token."));
        Assert.Null(_settings.DurableTaskConnectionString);
    }

    [Theory]
    [InlineData("Database", "not-there", "not-there")]
    [InlineData("Database", "several", "2 fields")]
    [InlineData("ApiKey", "several", "names no secret of the service")]
    public async Task Secret_ThatCannotBeUsed_IsNamedAndItsValueIsNot(string setting, string name, string reason)
    {
        await using var sidecar = await FakeDapr.StartAsync();
        sidecar.Secrets["several"] = new() { ["user"] = "me", ["password"] = "hidden" };
        Name(sidecar.Address, (setting, name));

        var fault = await Assert.ThrowsAsync<ServiceStartException>(() => DaprSecrets.ReadAsync(_settings));

        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_WithoutASidecar_IsToldAfterItsTime()
    {
        Name(new Uri("http://127.0.0.1:1"), ("Database", "workflows-database"));

        var fault = await Assert.ThrowsAsync<ServiceStartException>(
            () => DaprSecrets.ReadAsync(_settings, TimeSpan.Zero));

        Assert.Contains("Check the sidecar", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_WithoutAStore_NeedNoSidecar()
    {
        _settings.Dapr.GrpcEndpoint = new Uri("http://127.0.0.1:1");

        await DaprSecrets.ReadAsync(_settings);

        Assert.Null(_settings.Database);
    }

    private void Name(Uri sidecar, params (string Setting, string Name)[] secrets)
    {
        _settings.Dapr.SecretStore = "workflows-secrets";
        _settings.Dapr.GrpcEndpoint = sidecar;
        Array.ForEach(secrets, each => _settings.Dapr.Secrets[each.Setting] = each.Name);
    }
}
