using System.Net;
using System.Reflection;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Storage;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Service.Database;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Database;

/// <summary>Settings of several services, and a store that goes away.</summary>
public sealed class StoreChoiceTests
{
    private const string Scheduler = "Endpoint=http://127.0.0.1:1;TaskHub=h;Authentication=None";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Build_WithADatabaseAndAnEngineOfItsOwn_IsRefused() => Assert.Contains(
        "Workflows:DurableTaskConnectionString",
        Refused(settings => settings.Database = "Host=127.0.0.1;Database=d"), StringComparison.Ordinal);

    [Theory]
    [InlineData("hunter2", "Workflows:Database")]
    [InlineData("Host=127.0.0.1;Port=1;Database=d;Username=u;Password=hunter2;Port=many", "Workflows:Database")]
    [InlineData("Host=127.0.0.1;Port=1;Database=d;Username=u;Password=hunter2;Nonsense=1", "Workflows:Database")]
    public async Task Start_WithAStringThatIsNone_SaysSoWithoutThePassword(string connection, string setting)
    {
        using var folder = new TemporaryFolder();
        var (service, ports) = WorkflowsService.Build(
            [], new ServiceSettings
            {
                StateDirectory = folder.Path,
                HttpPort = 0,
                Database = connection,
                DurableTaskConnectionString = Scheduler,
            }, isEmbedded: true);
        await using var _ = service;

        var fault = await Assert.ThrowsAsync<ServiceStartException>(
            () => service.StartOrExplainAsync(ports, folder.Path, Cancellation));

        Assert.Contains(setting, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", fault.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://gateway.example:8081")]
    [InlineData("https://a.example:1,nonsense")]
    public void Build_WithAGatewayInPlainText_IsRefused(string gateways) => Assert.Contains(
        "Workflows:OtherGateways", Refused(settings => settings.OtherGateways = gateways), StringComparison.Ordinal);

    [Theory]
    [InlineData("https://127.0.0.1:8085")]
    [InlineData("http://127.0.0.1:65535")]
    [InlineData("emulator")]
    public void Build_WithAnEmulatorThatIsNoAddress_IsRefused(string address) => Assert.Contains(
        "Workflows:EmulatorAddress",
        Refused(settings => settings.EmulatorAddress = new Uri(address, UriKind.RelativeOrAbsolute)),
        StringComparison.Ordinal);

    [Fact]
    public async Task Api_WhileTheStoreIsAway_Answers503AndThenAsBefore()
    {
        using var folder = new TemporaryFolder();
        var store = AwayStore.Over(new FolderState(folder["store"]));
        await using var service = new RunningService
        {
            Change = services => services.AddSingleton<IStateStore>(store),
        };
        await service.InitializeAsync();

        ((AwayStore)(object)store).IsAway = true;
        using (var away = await service.Http.GetAsync("/runs/none/events", Cancellation))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, away.StatusCode);
            using var problem = JsonDocument.Parse(await away.Content.ReadAsStringAsync(Cancellation));
            Assert.Equal("STATE_UNAVAILABLE", problem.RootElement.GetProperty("code").GetString());
        }

        ((AwayStore)(object)store).IsAway = false;
        using var again = await service.Http.GetAsync("/runs/none/events", Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
    }

    /// <summary>Each service would have a cloud of its own, and not find the nodes of the other.</summary>
    [Fact]
    public void Rehearsal_OfServicesWithoutACommonCloud_IsRefused()
    {
        var cloud = new RehearsalCloud(null!, new ServiceSettings { Database = "Host=db" });

        var fault = Assert.Throws<RunRequestException>(() => cloud.Prepare("rehearsal-a", "{}"));

        Assert.Equal("rehearsal", Assert.Single(fault.Errors).Field);
    }

    [Fact]
    public void Rehearsal_WithoutItsEmulator_NamesTheSetting()
    {
        using var emulator = new RemoteTpuEmulator(new Uri("http://127.0.0.1:1"));
        var cloud = new RehearsalCloud(
            emulator, new ServiceSettings { EmulatorAddress = new Uri("http://127.0.0.1:1") });

        var fault = Assert.Throws<RunRequestException>(() => cloud.Prepare("rehearsal-a", "{}"));

        Assert.Contains("Workflows:EmulatorAddress", Assert.Single(fault.Errors).Fix, StringComparison.Ordinal);
    }

    private static string Refused(Action<ServiceSettings> change)
    {
        using var folder = new TemporaryFolder();
        var settings = new ServiceSettings { StateDirectory = folder.Path, HttpPort = 0 };
        change(settings);
        return Assert.Throws<ServiceStartException>(() => WorkflowsService.Build([], settings)).Message;
    }

    /// <summary>A store whose every call fails while it is away.</summary>
    public class AwayStore : DispatchProxy
    {
        private IStateStore? _inner;

        public bool IsAway { get; set; }

        public static IStateStore Over(IStateStore inner)
        {
            var store = Create<IStateStore, AwayStore>();
            ((AwayStore)(object)store)._inner = inner;
            return store;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => IsAway
            ? throw new DatabaseException("The database is away.", new IOException("connection refused"))
            : targetMethod!.Invoke(_inner, args);
    }
}
