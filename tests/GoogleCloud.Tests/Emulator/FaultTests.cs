using System.Net;
using System.Text;
using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Workflows.TestKit;
using static Google.Cloud.Tpu.V2.Node.Types;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>What happens to nodes beside refusals: notices, maintenance, stops, reservations, regions, rights, and what
/// a person decides while the emulator runs.</summary>
public sealed class FaultTests : IDisposable
{
    private const string Zone = "us-west4-a";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    private readonly TemporaryFolder _folder = new("tpu-fault-");

    // It writes its boots, and its last words when it is asked to end.
    private string Script =>
        $"trap 'echo told >>\"{_folder.Path}/told\"; exit 0' TERM; sleep 300 & "
        + $"echo $$ $GCE_METADATA_HOST >>'{_folder.Path}/boots.new' "
        + $"&& cp '{_folder.Path}/boots.new' '{_folder.Path}/boots'; wait";

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Create_OverTheQuotaOfItsRegion_IsRefusedInAllItsZones()
    {
        await using var host = await EmulatorHost.StartAsync("""
            {"regions": {"us-west4": {"quota": {"TPUV5sLitepodServingPerProjectPerRegionForTPUAPI": 12}}}}
            """);
        await host.ReadyAsync(Zone, "n1", EmulatorHost.SpotNode("v5litepod-8"));

        var refusal = await Assert.ThrowsAsync<RpcException>(
            () => host.CreateAsync("us-west4-b", "n2", EmulatorHost.SpotNode("v5litepod-8", isSpot: false)));
        await host.CreateAsync("us-west4-b", "n3", EmulatorHost.SpotNode("v5litepod-4"));
        await host.CreateAsync("us-central1-a", "n4", EmulatorHost.SpotNode("v5litepod-8"));

        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
        Assert.Equal(
            "Quota 'TPUV5sLitepodServingPerProjectPerRegionForTPUAPI' exhausted. Limit 12 in region us-west4",
            refusal.Status.Detail);
    }

    [Fact]
    public async Task QueuedResource_OverTheQuotaOfItsRegion_IsRefusedAndCountsWhileItWaits()
    {
        await using var host = await EmulatorHost.StartAsync("""
            {"queueSeconds": 100,
             "regions": {"us-west4": {"quota": {"TPUV5sLitepodServingPerProjectPerRegionForTPUAPI": 4}}}}
            """);
        await QueueAsync("q1", Zone);

        var refusal = await Assert.ThrowsAsync<RpcException>(() => QueueAsync("q2", "us-west4-b"));

        Assert.Contains("Limit 4 in region us-west4", refusal.Status.Detail, StringComparison.Ordinal);

        async Task QueueAsync(string id, string zone) => await host.Tpu.CreateQueuedResourceAsync(
            new CreateQueuedResourceRequest
            {
                Parent = EmulatorHost.Parent(zone),
                QueuedResourceId = id,
                QueuedResource = new()
                {
                    Tpu = new()
                    {
                        NodeSpec =
                        {
                            new QueuedResource.Types.Tpu.Types.NodeSpec
                            {
                                Parent = EmulatorHost.Parent(zone), NodeId = id, Node = EmulatorHost.SpotNode(),
                            },
                        },
                    },
                },
            },
            cancellationToken: EmulatorHost.Cancellation);
    }

    [Theory]
    [InlineData("tpu.nodes.create")]
    [InlineData("tpu.nodes.get")]
    [InlineData("tpu.nodes.list")]
    [InlineData("tpu.nodes.delete")]
    public async Task Call_WithoutItsPermission_IsRefusedAndNothingHappens(string permission)
    {
        await using var host = await EmulatorHost.StartAsync();
        await host.ReadyAsync(Zone, "n1");
        await PutAsync(host, $$"""{"deniedPermissions": ["{{permission}}"]}""");

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await (permission switch
        {
            "tpu.nodes.create" => (Task)host.CreateAsync(Zone, "n2"),
            "tpu.nodes.get" => host.GetAsync(Zone, "n1"),
            "tpu.nodes.list" => host.Tpu.ListNodesAsync(new() { Parent = EmulatorHost.Parent(Zone) }).ResponseAsync,
            _ => host.DeleteAsync(Zone, "n1"),
        }));
        await PutAsync(host, "{}");
        host.Pass(10);

        Assert.Equal(StatusCode.PermissionDenied, refusal.StatusCode);
        Assert.StartsWith($"Permission '{permission}' denied on 'projects/demo-proj/", refusal.Status.Detail,
            StringComparison.Ordinal);
        var left = await host.Tpu.ListNodesAsync(new() { Parent = EmulatorHost.Parent(Zone) });
        Assert.Equal(State.Ready, Assert.Single(left.Nodes).State);
    }

    [Fact]
    public async Task StopAndStart_ThatTakeTime_GoThroughStoppingAndStarting()
    {
        await using var host = await EmulatorHost.StartAsync("""{"switchSeconds": 20}""");
        await host.ReadyAsync(Zone, "n1", EmulatorHost.SpotNode(isSpot: false));
        var name = EmulatorHost.NodeName(Zone, "n1");

        var stop = await host.Tpu.StopNodeAsync(new StopNodeRequest { Name = name });
        var stopping = await host.GetAsync(Zone, "n1");
        var again = await Assert.ThrowsAsync<RpcException>(
            async () => await host.Tpu.StartNodeAsync(new StartNodeRequest { Name = name }));
        host.Pass(20);
        var stopped = await host.GetAsync(Zone, "n1");
        var start = await host.Tpu.StartNodeAsync(new StartNodeRequest { Name = name });
        var starting = await host.GetAsync(Zone, "n1");
        host.Pass(20);

        Assert.Equal(
            (State.Stopping, State.Stopped, State.Starting), (stopping.State, stopped.State, starting.State));
        Assert.Equal(State.Ready, (await host.GetAsync(Zone, "n1")).State);
        Assert.Equal(StatusCode.FailedPrecondition, again.StatusCode);
        Assert.False(stop.Done);
        Assert.True((await host.OperationAsync(stop.Name)).Done);
        Assert.True((await host.OperationAsync(start.Name)).Response.Is(Node.Descriptor));
    }

    [Fact]
    public async Task Delete_OfAStoppingNode_EndsBothOperations()
    {
        await using var host = await EmulatorHost.StartAsync("""{"switchSeconds": 20}""");
        await host.ReadyAsync(Zone, "n1", EmulatorHost.SpotNode(isSpot: false));
        var stop = await host.Tpu.StopNodeAsync(
            new StopNodeRequest { Name = EmulatorHost.NodeName(Zone, "n1") });

        await host.DeleteAsync(Zone, "n1");
        host.Pass(30);

        Assert.NotNull((await host.OperationAsync(stop.Name)).Error);
        await Assert.ThrowsAsync<RpcException>(() => host.GetAsync(Zone, "n1"));
    }

    [Fact]
    public async Task Preemption_WithANotice_TellsTheVmBeforeItEnds()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"preempt": {"afterSeconds": 60, "noticeSeconds": 30}}}}""", Script);
        await host.ReadyAsync(Zone, "n1");
        var metadata = await BootAsync();

        host.Pass(29);
        var before = await ReadAsync(host, metadata, "instance/preempted");
        host.Pass(1);
        var told = await host.GetAsync(Zone, "n1");
        await UntilAsync(() => File.Exists(_folder["told"]));
        var after = await ReadAsync(host, metadata, "instance/preempted");
        host.Pass(30);

        Assert.Equal(("FALSE", "TRUE"), (before, after));
        Assert.Equal(State.Ready, told.State);
        Assert.Equal(State.Preempted, (await host.GetAsync(Zone, "n1")).State);
    }

    [Fact]
    public async Task Maintenance_AnnouncedThenOver_EndsTheVmAndBootsItAgain()
    {
        const string scenario = """
            {"zones": {"us-west4-a": {"maintenance": {"afterSeconds": 60, "noticeSeconds": 20, "forSeconds": 90}}}}
            """;
        var state = _folder["state"];
        var first = await EmulatorHost.StartAsync(scenario, Script, state);
        await first.ReadyAsync(Zone, "n1", EmulatorHost.SpotNode(isSpot: false));
        var metadata = await BootAsync();
        first.Pass(40);
        var announced = await first.GetAsync(Zone, "n1");
        var words = await ReadAsync(first, metadata, "instance/maintenance-event");
        first.Pass(20);
        var repairing = await first.GetAsync(Zone, "n1");
        await first.StopAsync();

        // A fake clock begins anew with each host: what is planned is in the file.
        await using var second = await EmulatorHost.StartAsync(scenario, Script, state);
        second.Pass(61 + 89);
        var still = await second.GetAsync(Zone, "n1");
        second.Pass(2);
        var ready = await second.GetAsync(Zone, "n1");
        await BootAsync(boots: 2);

        Assert.Equal((State.Ready, Health.UnhealthyMaintenance), (announced.State, announced.Health));
        Assert.Equal("TERMINATE_ON_HOST_MAINTENANCE", words);
        Assert.Equal((State.Repairing, State.Repairing), (repairing.State, still.State));
        Assert.Equal((State.Ready, Health.Y), (ready.State, ready.Health));
        Assert.False(File.Exists(_folder["told"]), "a maintenance is not a shutdown");
        await second.DeleteAsync(Zone, "n1");
    }

    [Theory]
    [InlineData(100, 50, "TRUE", Health.Y)]
    [InlineData(40, 62, "FALSE", Health.UnhealthyMaintenance)]
    public async Task Preemption_AndMaintenance_AreEachToldAtTheirTime(
        int preemptNotice, int maintainNotice, string told, Health health)
    {
        await using var host = await EmulatorHost.StartAsync($$$"""
            {"zones": {"us-west4-a": {
                "preempt": {"afterSeconds": 120, "noticeSeconds": {{{preemptNotice}}}},
                "maintenance": {"afterSeconds": 110, "noticeSeconds": {{{maintainNotice}}} } } } }
            """, Script);
        await host.ReadyAsync(Zone, "n1");
        var metadata = await BootAsync();

        host.Pass(45);

        Assert.NotEqual(Health.UnhealthyMaintenance, (await host.GetAsync(Zone, "n1")).Health);
        Assert.Equal(told, await ReadAsync(host, metadata, "instance/preempted"));
        host.Pass(5);
        Assert.Equal(health, (await host.GetAsync(Zone, "n1")).Health);
        host.Pass(45);
        Assert.Equal(Health.UnhealthyMaintenance, (await host.GetAsync(Zone, "n1")).Health);
        Assert.Equal("TRUE", await ReadAsync(host, metadata, "instance/preempted"));
    }

    [Theory]
    [InlineData(20, State.Ready)]
    [InlineData(100, State.Repairing)]
    public async Task Preemption_OfANodeThatWasMaintainedBefore_StillHappens(int repairSeconds, State before)
    {
        await using var host = await EmulatorHost.StartAsync($$$"""
            {"zones": {"us-west4-a": {
                "preempt": {"afterSeconds": 60},
                "maintenance": {"afterSeconds": 30, "forSeconds": {{{repairSeconds}}} } } } }
            """);
        await host.ReadyAsync(Zone, "n1");
        host.Pass(55);
        var state = (await host.GetAsync(Zone, "n1")).State;
        host.Pass(5);

        Assert.Equal(before, state);
        Assert.Equal(State.Preempted, (await host.GetAsync(Zone, "n1")).State);
        host.Pass(100);
        Assert.Equal(State.Preempted, (await host.GetAsync(Zone, "n1")).State);
    }

    [Fact]
    public async Task ReservedNode_WithinAndBeyondTheReservation_IsReadyAndRefused()
    {
        await using var host = await EmulatorHost.StartAsync("""{"zones": {"us-west4-a": {"reserved": 8}}}""");
        var first = await CreateAsync(Zone, "n1", "v5litepod-8");
        var second = await CreateAsync(Zone, "n2", "v5litepod-4");
        var elsewhere = await CreateAsync("us-east1-d", "n3", "v5litepod-4");
        host.Pass(2);

        Assert.Null((await host.OperationAsync(first)).Error);
        Assert.Equal("Insufficient reserved capacity.", (await host.OperationAsync(second)).Error.Message);
        Assert.Equal("Reservation not found", (await host.OperationAsync(elsewhere)).Error.Message);
        await host.DeleteAsync(Zone, "n1");
        host.Pass(2);
        var third = await CreateAsync(Zone, "n4", "v5litepod-8");
        host.Pass(2);
        Assert.Null((await host.OperationAsync(third)).Error);

        async Task<string> CreateAsync(string zone, string id, string type)
        {
            var node = EmulatorHost.SpotNode(type, isSpot: false);
            node.SchedulingConfig = new() { Reserved = true };
            return (await host.CreateAsync(zone, id, node)).Name;
        }
    }

    [Fact]
    public async Task Faults_OfARunningNode_HappenAtOnce()
    {
        await using var host = await EmulatorHost.StartAsync(workerScript: Script);
        await host.ReadyAsync(Zone, "n1");
        await BootAsync();

        Assert.Equal(HttpStatusCode.NoContent, await PlayAsync(host, "n1", "reboot"));
        await BootAsync(boots: 2);
        Assert.Equal(HttpStatusCode.NoContent, await PlayAsync(host, "n1", "kill"));
        Assert.Equal(State.Ready, (await host.GetAsync(Zone, "n1")).State);
        Assert.Equal(HttpStatusCode.NoContent, await PlayAsync(host, "n1", "preempt"));
        Assert.Equal(State.Preempted, (await host.GetAsync(Zone, "n1")).State);
        Assert.Equal(HttpStatusCode.Conflict, await PlayAsync(host, "n1", "preempt"));
        await host.ReadyAsync(Zone, "n2", EmulatorHost.SpotNode(isSpot: false));
        Assert.Equal(HttpStatusCode.Conflict, await PlayAsync(host, "n2", "preempt"));
        Assert.Equal(HttpStatusCode.NoContent, await PlayAsync(host, "n2", "maintain"));
        Assert.NotEqual(State.Preempted, (await host.GetAsync(Zone, "n2")).State);
        Assert.Equal(HttpStatusCode.NotFound, await PlayAsync(host, "n3", "preempt"));
    }

    [Theory]
    [InlineData("""{"fault": "explode"}""", "application/json")]
    [InlineData("""{"fault": 1}""", "application/json")]
    [InlineData("""{"fault": "1"}""", "application/json")]
    [InlineData("""{"fault": ""}""", "application/json")]
    [InlineData("[", "application/json")]
    [InlineData("", "application/json")]
    [InlineData("""{"fault": "preempt"}""", "text/plain")]
    public async Task Fault_ThatIsNone_IsRefusedByName(string body, string type)
    {
        await using var host = await EmulatorHost.StartAsync();
        await host.ReadyAsync(Zone, "n1");

        using var response = await host.Http.PostAsync(
            FaultsOf("n1"), new StringContent(body, Encoding.UTF8, type), EmulatorHost.Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("or preempt, kill, reboot, maintain", await response.Content.ReadAsStringAsync(
            EmulatorHost.Cancellation), StringComparison.Ordinal);
        Assert.Equal(State.Ready, (await host.GetAsync(Zone, "n1")).State);
    }

    [Fact]
    public async Task Scenario_ReplacedWhileItRuns_RulesTheNextCalls()
    {
        await using var host = await EmulatorHost.StartAsync("""{"createSeconds": 7}""");
        var (address, json) = (ScenarioPath, "application/json");
        using var wrong = await host.Http.PutAsync(
            address, new StringContent("""{"zones": {"us-west4-a": {"capacity": -1}}}""", Encoding.UTF8, json),
            EmulatorHost.Cancellation);
        var kept = await host.Http.GetStringAsync(address, EmulatorHost.Cancellation);
        await PutAsync(host, """{"zones": {"us-west4-a": {"refuse": "ZONE_NOT_SUPPORTED"}}}""");

        var refusal = await Assert.ThrowsAsync<RpcException>(() => host.CreateAsync(Zone, "n1"));

        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Contains(
            "zones.us-west4-a.capacity", await wrong.Content.ReadAsStringAsync(EmulatorHost.Cancellation),
            StringComparison.Ordinal);
        Assert.Equal("""{"createSeconds": 7}""", kept);
        Assert.Contains("is not supported", refusal.Status.Detail, StringComparison.Ordinal);
    }

    private static Uri ScenarioPath => new($"/emulator/projects/{EmulatorHost.Project}/scenario", UriKind.Relative);

    private static Uri FaultsOf(string node) => new(
        $"/emulator/projects/{EmulatorHost.Project}/locations/{Zone}/nodes/{node}/faults", UriKind.Relative);

    private static async Task PutAsync(EmulatorHost host, string scenario)
    {
        using var response = await host.Http.PutAsync(
            ScenarioPath, new StringContent(scenario, Encoding.UTF8, "application/json"), EmulatorHost.Cancellation);
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
    }

    private static async Task<HttpStatusCode> PlayAsync(EmulatorHost host, string node, string fault)
    {
        using var response = await host.Http.PostAsync(
            FaultsOf(node), new StringContent($$"""{"fault": "{{fault}}"}""", Encoding.UTF8, "application/json"),
            EmulatorHost.Cancellation);
        return response.StatusCode;
    }

    private static async Task<string> ReadAsync(EmulatorHost host, string metadata, string path)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri($"http://{metadata}/computeMetadata/v1/{path}"));
        request.Headers.Add("Metadata-Flavor", "Google");
        using var response = await host.Http.SendAsync(request, EmulatorHost.Cancellation);
        return await response.Content.ReadAsStringAsync(EmulatorHost.Cancellation);
    }

    private async Task<string> BootAsync(int boots = 1)
    {
        await UntilAsync(() => File.Exists(_folder["boots"]) && File.ReadAllLines(_folder["boots"]).Length >= boots);
        return File.ReadAllLines(_folder["boots"])[boots - 1].Split(' ')[1];
    }

    /// <summary>Waits until something is so of the files in the folder.</summary>
    private async Task UntilAsync(Func<bool> isSo)
    {
        using var changes = new SemaphoreSlim(0);
        using var watcher = new FileSystemWatcher(_folder.Path);
        watcher.Created += (_, _) => changes.Release();
        watcher.Changed += (_, _) => changes.Release();
        watcher.EnableRaisingEvents = true;
        while (!isSo())
        {
            Assert.True(
                await changes.WaitAsync(Limit, EmulatorHost.Cancellation), $"it did not happen within {Limit}");
        }
    }
}
