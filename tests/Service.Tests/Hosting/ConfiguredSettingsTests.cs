using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Service.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Hosting;

/// <summary>Settings that nothing would read are refused, and the service inside a command has the same ones.</summary>
public sealed class ConfiguredSettingsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Workflows:PriceCatalogue", "catalog.json",
        "'Workflows:PriceCatalogue' is unknown. Did you mean 'Workflows:PriceCatalog'?")]
    [InlineData("workflows:maxusdperdays", "5", "Did you mean 'Workflows:MaxUsdPerDay'?")]
    [InlineData("Workflows:EventsTopic", "projects/p/topics/t", "Did you mean 'Workflows:PubSub:EventsTopic'?")]
    [InlineData("Workflows:Dapr:Topics", "t", "Did you mean 'Workflows:Dapr:Topic'?")]
    [InlineData("Workflows:Access", "true", "has parts and no value of its own, as in 'Workflows:Access:")]
    [InlineData("Workflows:MaxUsdPerDay:Usd", "5", "takes one value, and has parts: 'Workflows:MaxUsdPerDay:Usd'")]
    [InlineData("Workflows:HuggingFaceToken", "secret", "'Workflows:HuggingFaceToken' is unknown.")]
    [InlineData("Workflows_MaxUsdPerDay", "5", "as a variable 'Workflows__MaxUsdPerDay'")]
    [InlineData("Workflow:Access:Authentication", "true", "Did you mean 'Workflows:Access:Authentication'")]
    [InlineData("WORKFLOWS_PUBSUB_EVENTSTOPIC", "t", "as a variable 'Workflows__PUBSUB__EVENTSTOPIC'")]
    public void Read_ANameThatNothingReads_IsRefusedWithTheNearestOne(string name, string value, string words)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new KeyValuePair<string, string?>(name, value)]).Build();

        var fault = Assert.Throws<ServiceStartException>(() => ConfiguredSettings.Read(configuration, []));

        Assert.Contains(words, fault.Message, StringComparison.Ordinal);
        Assert.Contains("docs/operations.md", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_EverySettingByItsName_IsTaken()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Workflows:Dapr:Secrets:Database"] = "secret-name",
            ["WORKFLOWS:ACCESS:OIDC:ROLES:somebody@example.com"] = "admin",
            ["Workflows:maxusdperday"] = "5",
            ["Workflows:Uploads:AllGibibytes"] = "2",
            ["WORKFLOWS_SERVICE"] = "http://127.0.0.1:8080",
            ["WORKFLOWS_PJRT_PLUGIN"] = "libtpu",
            ["Workers:Database"] = "another program's",
        }).Build();

        var settings = ConfiguredSettings.Read(configuration, ["--urls", "http://127.0.0.1:1"]);

        Assert.Equal(5, settings.MaxUsdPerDay);
        Assert.Equal(2, settings.Uploads.AllGibibytes);
        Assert.Equal("secret-name", settings.Dapr.Secrets["database"]);
        Assert.Single(settings.Access.Oidc.Roles);
    }

    [Fact]
    public void Build_AnOptionWithoutItsSection_IsRefused()
    {
        var fault = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
            ["--MaxUsdPerDay=5", "--Workflows:StateDirectory", _folder.Path]));

        Assert.Contains("Did you mean '--Workflows:MaxUsdPerDay'?", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BuildForCommand_SettingsOfAService_AreLeftAloneAndNamed()
    {
        var told = new List<string>();
        var (service, ports) = WorkflowsService.BuildForCommand(
            _folder["own"], told.Add, args:
            [
                "--Workflows:MaxUsdPerDay=5", "--Workflows:HttpPort=1", "--Workflows:Access:Authentication=true",
                $"--Workflows:StateDirectory={_folder["other"]}",
                "--Workflows:PubSub:Subscription=projects/p/subscriptions/s",
                $"--Workflows:Artifacts={_folder["artifacts"]}",
            ]);
        await using var disposed = service;
        var settings = service.Services.GetRequiredService<ServiceSettings>();

        Assert.Equal((5, _folder["artifacts"]), (settings.MaxUsdPerDay, settings.Artifacts));
        Assert.Equal(_folder["own"], settings.StateDirectory);
        Assert.NotEqual(1, ports.Http);
        Assert.False(settings.Access.Authentication);
        Assert.Null(settings.PubSub.Subscription);
        Assert.False(Directory.Exists(_folder["other"]));
        var sentence = Assert.Single(told);
        Assert.StartsWith(
            "Workflows:StateDirectory, Workflows:HttpPort, Workflows:Access, Workflows:PubSub:Subscription: only for a "
            + "service that is a program of its own.", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("MaxUsdPerDay", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--Workflows:MaxUsdPerDay=-1", "'Workflows:MaxUsdPerDay' cannot be -1: use 0 to 1,000,000,000")]
    [InlineData("--Workflows:MaxUsdPerDay=five", "MaxUsdPerDay")]
    [InlineData("--Workflows:PriceCatalog=missing.json", "Workflows:PriceCatalog 'missing.json' cannot be used")]
    [InlineData("--Workflows:Artifacts=ftp://somewhere", "Workflows:Artifacts cannot be used")]
    [InlineData("--Kestrel:Endpoints:Open:Url=http://0.0.0.0:1", "'Kestrel:Endpoints:Open' would open a port")]
    public void BuildForCommand_AValueThatAServiceRefuses_IsRefusedInTheSameWords(string setting, string words)
    {
        var own = Assert.Throws<ServiceStartException>(
            () => WorkflowsService.BuildForCommand(_folder["own"], Assert.Fail, args: [setting]));
        var service = Assert.Throws<ServiceStartException>(() => WorkflowsService.Build(
            [setting, "--Workflows:HttpPort=0", $"--Workflows:StateDirectory={_folder["service"]}"]));

        Assert.Equal(service.Message, own.Message);
        Assert.Contains(words, own.Message, StringComparison.Ordinal);
    }
}
