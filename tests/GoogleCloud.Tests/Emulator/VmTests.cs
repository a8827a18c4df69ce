using System.Diagnostics;
using System.Globalization;
using System.Net;
using Grpc.Core;
using Workflows.TestKit;
using static Google.Cloud.Tpu.V2.Node.Types;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>The VM of a node is a process: here a script that writes down who it is and sleeps.</summary>
public sealed class VmTests : IDisposable
{
    private const string Zone = "us-west4-a";

    // Every 25 ms: a minute.
    private const int Attempts = 2400;

    private readonly TemporaryFolder _folder = new("tpu-vm-");

    private string Script =>
        // It sleeps before it says so: whoever reads of the boot finds the child.
        $"sleep 300 & echo $$ $GCE_METADATA_HOST >>'{_folder.Path}/boots.new' "
        + $"&& cp '{_folder.Path}/boots.new' '{_folder.Path}/boots'; wait";

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ReadyNode_BootsAVmThatFindsItsMetadata()
    {
        await using var host = await EmulatorHost.StartAsync(workerScript: Script);
        var asked = EmulatorHost.SpotNode();
        asked.Metadata["workflows-run"] = "r-1";
        await host.ReadyAsync(Zone, "n1", asked);
        var (_, metadata) = await BootAsync();

        Assert.Equal("r-1", await ReadAsync(host, metadata, "instance/attributes/workflows-run"));
        Assert.EndsWith(
            "/zones/us-west4-a", await ReadAsync(host, metadata, "instance/zone"), StringComparison.Ordinal);
        Assert.Equal("FALSE", await ReadAsync(host, metadata, "instance/preempted"));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(host, metadata, "instance/attributes/none"));
        await host.DeleteAsync(Zone, "n1");
    }

    [Fact]
    public async Task MetadataServer_WithoutItsHeaderOrKey_Refuses()
    {
        await using var host = await EmulatorHost.StartAsync();

        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(
            host, $"127.0.0.1:{host.RestPort}/metadata/0", "instance/zone", flavor: null));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(
            host, $"127.0.0.1:{host.RestPort}/metadata/0", "instance/zone"));
    }

    [Fact]
    public async Task DeleteNode_KillsTheVmAndItsChildren()
    {
        await using var host = await EmulatorHost.StartAsync(workerScript: Script);
        await host.ReadyAsync(Zone, "n1");
        var (pid, _) = await BootAsync();
        var children = ChildrenOf(pid);

        await host.DeleteAsync(Zone, "n1");

        Assert.NotEmpty(children);
        await EndsAsync(pid);
        foreach (var child in children)
        {
            await EndsAsync(child);
        }
    }

    [Fact]
    public async Task Preemption_ByTime_KillsTheVm()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"preempt": {"afterSeconds": 30}}}}""", Script);
        await host.ReadyAsync(Zone, "n1");
        var (pid, _) = await BootAsync();

        host.Pass(30);
        var node = await host.GetAsync(Zone, "n1");

        Assert.Equal(State.Preempted, node.State);
        await EndsAsync(pid);
    }

    [Fact]
    public async Task Preemption_ByGuestAttribute_HappensWhenItsNumberIsReached()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"preempt": {"guestAttribute": "workflows/step", "atLeast": 110}}}}""", Script);
        await host.ReadyAsync(Zone, "n1");
        var (pid, metadata) = await BootAsync();

        await PublishAsync(host, metadata, "workflows/step", "109");
        var before = await host.GetAsync(Zone, "n1");
        await PublishAsync(host, metadata, "workflows/step", "110");
        var after = await host.GetAsync(Zone, "n1");
        var attributes = await host.Tpu.GetGuestAttributesAsync(
            new() { Name = after.Name, QueryPath = "workflows/" }, cancellationToken: EmulatorHost.Cancellation);

        Assert.Equal(State.Ready, before.State);
        Assert.Equal(State.Preempted, after.State);
        Assert.Equal("TRUE", await ReadAsync(host, metadata, "instance/preempted"));
        Assert.Equal("110", Assert.Single(Assert.Single(attributes.GuestAttributes).QueryValue.Items).Value);
        await EndsAsync(pid);
    }

    [Fact]
    public async Task RestartedEmulator_AdoptsTheRunningVm_AndItsClockGoesOn()
    {
        var state = _folder["state"];
        const string scenario = """{"zones": {"us-west4-a": {"createSeconds": 0}}}""";
        var first = await EmulatorHost.StartAsync(scenario, Script, state, isRealTime: true);
        await first.CreateAsync(Zone, "n1");
        await first.GetAsync(Zone, "n1");
        var (pid, _) = await BootAsync();
        await first.StopAsync();

        await using var second = await EmulatorHost.StartAsync(scenario, Script, state, isRealTime: true);
        var node = await second.GetAsync(Zone, "n1");

        Assert.Equal(State.Ready, node.State);
        Assert.True(IsAlive(pid));
        Assert.Single(await File.ReadAllLinesAsync(_folder["boots.new"], EmulatorHost.Cancellation));
        await second.DeleteAsync(Zone, "n1");
        await EndsAsync(pid);
    }

    [Fact]
    public async Task RestartedEmulator_WhoseVmDied_BootsItAgain()
    {
        var state = _folder["state"];
        const string scenario = """{"zones": {"us-west4-a": {"createSeconds": 0}}}""";
        var first = await EmulatorHost.StartAsync(scenario, Script, state, isRealTime: true);
        await first.CreateAsync(Zone, "n1");
        await first.GetAsync(Zone, "n1");
        var (pid, _) = await BootAsync();
        await first.StopAsync();
        using (var process = Process.GetProcessById(pid))
        {
            process.Kill(entireProcessTree: true);
        }

        await EndsAsync(pid);
        await using var second = await EmulatorHost.StartAsync(scenario, Script, state, isRealTime: true);
        var (again, _) = await BootAsync(boots: 2);

        Assert.NotEqual(pid, again);
        await second.DeleteAsync(Zone, "n1");
        await EndsAsync(again);
    }

    [Fact]
    public async Task RestartedEmulator_KeepsCreationsBurstsAndDeletions()
    {
        var state = _folder["state"];
        const string scenario =
            """{"createSeconds": 0.2, "deleteSeconds": 0.2, "zones": {"us-east1-d": {"unavailableCreates": 1}}}""";
        var first = await EmulatorHost.StartAsync(scenario, state: state, isRealTime: true);
        var create = await first.CreateAsync(Zone, "n1");
        await Assert.ThrowsAsync<RpcException>(() => first.CreateAsync("us-east1-d", "n2"));
        await first.StopAsync();

        await using var second = await EmulatorHost.StartAsync("{}", state: state, isRealTime: true);
        var deadline = TimeSpan.FromMinutes(1);
        var watch = Stopwatch.StartNew();
        while (!(await second.OperationAsync(create.Name)).Done && watch.Elapsed < deadline)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), EmulatorHost.Cancellation);
        }

        Assert.Equal(State.Ready, (await second.GetAsync(Zone, "n1")).State);
        Assert.NotEmpty((await second.CreateAsync("us-east1-d", "n2")).Name);
    }

    private async Task<(int Pid, string Metadata)> BootAsync(int boots = 1)
    {
        var path = _folder["boots"];
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (File.Exists(path)
                && await File.ReadAllLinesAsync(path, EmulatorHost.Cancellation) is { } lines && lines.Length >= boots
                && lines[boots - 1].Split(' ') is [var pid, var metadata])
            {
                return (int.Parse(pid, CultureInfo.InvariantCulture), metadata);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(25), EmulatorHost.Cancellation);
        }

        throw new TimeoutException("The VM did not boot within a minute.");
    }

    private static async Task EndsAsync(int pid)
    {
        for (var attempt = 0; attempt < Attempts && IsAlive(pid); attempt++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(25), EmulatorHost.Cancellation);
        }

        Assert.False(IsAlive(pid), $"Process {pid} is still there.");
    }

    /// <summary>A process that waits to be reaped is dead.</summary>
    private static bool IsAlive(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2] != 'Z';
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static List<int> ChildrenOf(int pid) =>
        [.. File.ReadAllText($"/proc/{pid}/task/{pid}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(child => int.Parse(child, CultureInfo.InvariantCulture))];

    private static async Task<string> ReadAsync(EmulatorHost host, string metadata, string path)
    {
        using var request = Metadata(HttpMethod.Get, metadata, path, "Google");
        using var answer = await host.Http.SendAsync(request, EmulatorHost.Cancellation);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadAsStringAsync(EmulatorHost.Cancellation);
    }

    private static async Task<HttpStatusCode> StatusAsync(
        EmulatorHost host, string metadata, string path, string? flavor = "Google")
    {
        using var request = Metadata(HttpMethod.Get, metadata, path, flavor);
        using var answer = await host.Http.SendAsync(request, EmulatorHost.Cancellation);
        return answer.StatusCode;
    }

    private static async Task PublishAsync(EmulatorHost host, string metadata, string name, string value)
    {
        using var request = Metadata(HttpMethod.Put, metadata, $"instance/guest-attributes/{name}", "Google");
        request.Content = new StringContent(value);
        using var answer = await host.Http.SendAsync(request, EmulatorHost.Cancellation);
        answer.EnsureSuccessStatusCode();
    }

    private static HttpRequestMessage Metadata(HttpMethod method, string metadata, string path, string? flavor)
    {
        var request = new HttpRequestMessage(method, new Uri($"http://{metadata}/computeMetadata/v1/{path}"));
        if (flavor is not null)
        {
            request.Headers.Add("Metadata-Flavor", flavor);
        }

        return request;
    }
}
