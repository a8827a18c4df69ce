using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Grpc.Core;
using Workflows.TestKit;
using State = Google.Cloud.Tpu.V2.Node.Types.State;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>
/// Random calls against a dictionary of nodes: what is there, in which state, and what each call answers.
/// </summary>
public sealed class CloudModelTests
{
    internal const double CreateSeconds = 3, DeleteSeconds = 5;
    internal const int Capacity = 12, Chips = 4;
    internal static readonly string[] Zones = ["us-central1-a", "us-west4-a", "europe-west4-a"];

    private const string Scenario = """
        {"createSeconds": 3, "deleteSeconds": 5, "zones": {
          "us-central1-a": {"capacity": 12},
          "us-west4-a": {"unavailableCreates": 2, "rateLimitedCreates": 1},
          "europe-west4-a": {"refuse": "LOCATION_POLICY_VIOLATED"}}}
        """;

    [Fact]
    public async Task Nodes_RandomCallsAndRestarts_AreTheDictionary() => await Seeds.TryAsync(8, async random =>
    {
        using var folder = new TemporaryFolder("cloud-");
        var model = new CloudModel();
        var host = await EmulatorHost.StartAsync(Scenario, state: folder.Path);
        try
        {
            for (var step = 0; step < 70; step++)
            {
                if (random.Next(25) == 0)
                {
                    await host.StopAsync();
                    host = await EmulatorHost.StartAsync(Scenario, state: folder.Path);
                    host.Pass(model.Now);
                }

                var (zone, id) = (Zones[random.Next(8) / 3], $"n{random.Next(5)}");
                var expected = model.Peek(zone, id);
                switch (random.Next(8))
                {
                    case 0 or 1 or 2:
                        await AssertAsync(model.Create(zone, id), host.CreateAsync(
                            zone, id, EmulatorHost.SpotNode(isSpot: false)), "create");
                        break;
                    case 3:
                        await AssertAsync(model.Delete(zone, id), host.DeleteAsync(zone, id), "delete");
                        break;
                    case 4:
                        await AssertAsync(model.Switch(zone, id, State.Ready, State.Stopped), host.Tpu.StopNodeAsync(
                            new StopNodeRequest { Name = EmulatorHost.NodeName(zone, id) }).ResponseAsync, "stop");
                        break;
                    case 5:
                        await AssertAsync(model.Switch(zone, id, State.Stopped, State.Ready), host.Tpu.StartNodeAsync(
                            new StartNodeRequest { Name = EmulatorHost.NodeName(zone, id) }).ResponseAsync, "start");
                        break;
                    case 6:
                        var got = await AssertAsync(
                            expected is null ? StatusCode.NotFound : StatusCode.OK, host.GetAsync(zone, id), "get");
                        Assert.Equal(expected, got?.State);
                        break;
                    default:
                        var seconds = random.Next(0, 4) * 0.9;
                        host.Pass(seconds);
                        model.Pass(seconds);
                        break;
                }

                var asked = random.Next(3) == 0 ? "-" : zone;
                Assert.Equal(model.List(asked), await ListAsync(host, asked, random.Next(1, 4)));
            }

            await AssertOperationsAsync(host, model);
        }
        finally
        {
            await host.StopAsync();
        }
    });

    /// <summary>A queued resource and its nodes, step by step with time, forced away or not.</summary>
    [Fact]
    public async Task Queue_RandomTimes_GoesThroughItsStates() => await Seeds.TryAsync(12, async random =>
    {
        var (wait, count) = (random.Next(1, 5), random.Next(1, 4));
        await using var host = await EmulatorHost.StartAsync($$$"""
            {"createSeconds": 3, "deleteSeconds": 5, "queueSeconds": {{{wait}}},
             "zones": {"us-central1-a": {"capacity": 12} } }
            """);
        var zone = Zones[0];
        var name = $"{EmulatorHost.Parent(zone)}/queuedResources/q";
        // A node in the way leaves room for two more.
        var isFull = random.Next(2) == 0;
        if (isFull)
        {
            await host.ReadyAsync(zone, "other");
        }

        await host.Tpu.CreateQueuedResourceAsync(new CreateQueuedResourceRequest
        {
            Parent = EmulatorHost.Parent(zone),
            QueuedResourceId = "q",
            QueuedResource = Queued(count),
        });
        var (now, fits) = (0.0, count * Chips + (isFull ? Chips : 0) <= Capacity);
        double? provisioned = null;
        for (var step = 0; step < 12; step++)
        {
            var state = (await GetQueuedAsync(host, name)).State.State;
            provisioned ??= fits && now >= wait ? now : null;
            var expected = provisioned is not { } since ? QueuedResourceState.Types.State.WaitingForResources
                : now >= since + CreateSeconds ? QueuedResourceState.Types.State.Active
                : QueuedResourceState.Types.State.Provisioning;
            Assert.Equal(expected, state);
            Assert.Equal(
                (provisioned is null ? 0 : count) + (isFull ? 1 : 0), (await ListAsync(host, zone, 50)).Count);
            var seconds = random.Next(0, 3) * 0.7;
            host.Pass(seconds);
            now += seconds;
        }

        var status = await Status(host.Tpu.DeleteQueuedResourceAsync(
            new DeleteQueuedResourceRequest { Name = name }).ResponseAsync);
        _ = (await Status(host.Tpu.GetQueuedResourceAsync(
            new GetQueuedResourceRequest { Name = name }).ResponseAsync), status);
        await host.Tpu.DeleteQueuedResourceAsync(new DeleteQueuedResourceRequest { Name = name, Force = true });
        host.Pass(DeleteSeconds);
        host.Pass(DeleteSeconds);
        Assert.Equal(StatusCode.NotFound, await Status(host.Tpu.GetQueuedResourceAsync(
            new GetQueuedResourceRequest { Name = name }).ResponseAsync));
        Assert.Equal(isFull ? 1 : 0, (await ListAsync(host, zone, 50)).Count);
    });

    /// <summary>What is queued is checked as what is created at once: ids, zone, sizes, times.</summary>
    [Theory]
    [InlineData("zone -")]
    [InlineData("zone ..")]
    [InlineData("zone a%00")]
    [InlineData("node id ..")]
    [InlineData("node id a/b")]
    [InlineData("node id UPPER")]
    [InlineData("prefix")]
    [InlineData("count")]
    [InlineData("metadata")]
    [InlineData("duration")]
    [InlineData("time")]
    [InlineData("no node")]
    public async Task Queue_Rubbish_IsRefusedAndNothingIsQueued(string what)
    {
        await using var host = await EmulatorHost.StartAsync();
        var (zone, resource) = (Zones[0], Queued(1));
        var spec = resource.Tpu.NodeSpec[0];
        switch (what)
        {
            case "zone -" or "zone .." or "zone a%00":
                zone = what[5..];
                break;
            case "node id .." or "node id a/b" or "node id UPPER":
                spec.NodeId = what[8..];
                break;
            case "prefix" or "count":
                spec.NodeId = "";
                spec.MultisliceParams = new()
                {
                    NodeCount = what == "count" ? int.MaxValue : 2,
                    NodeIdPrefix = what == "prefix" ? "../x" : "",
                };
                break;
            case "metadata":
                spec.Node.Metadata["x"] = new string('x', 1 << 20);
                break;
            case "duration":
                resource.QueueingPolicy = new() { ValidUntilDuration = new() { Seconds = long.MaxValue } };
                break;
            case "time":
                resource.QueueingPolicy = new() { ValidAfterTime = new() { Seconds = long.MinValue, Nanos = -5 } };
                break;
            default:
                spec.Node = null;
                break;
        }

        var status = await Status(host.Tpu.CreateQueuedResourceAsync(new CreateQueuedResourceRequest
        {
            Parent = EmulatorHost.Parent(zone),
            QueuedResourceId = "q",
            QueuedResource = resource,
        }).ResponseAsync);

        Assert.Contains(status, (StatusCode[])[StatusCode.InvalidArgument, StatusCode.PermissionDenied]);
        Assert.Empty((await host.Tpu.ListQueuedResourcesAsync(
            new ListQueuedResourcesRequest { Parent = EmulatorHost.Parent("-") })).QueuedResources);
    }

    [Fact]
    public async Task Update_WithoutANodeOrWithTooMuchMetadata_IsRefused()
    {
        await using var host = await EmulatorHost.StartAsync();
        var node = await host.ReadyAsync(Zones[0], "n");

        Assert.Equal(StatusCode.InvalidArgument, await Status(host.Tpu.UpdateNodeAsync(
            new UpdateNodeRequest { UpdateMask = new() { Paths = { "labels" } } }).ResponseAsync));
        node.Metadata["x"] = new string('x', 1 << 20);
        Assert.Equal(StatusCode.InvalidArgument, await Status(host.Tpu.UpdateNodeAsync(
            new UpdateNodeRequest { Node = node, UpdateMask = new() { Paths = { "metadata" } } }).ResponseAsync));
        Assert.Empty((await host.GetAsync(Zones[0], "n")).Metadata);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("")]
    [InlineData("{\"permissions\": 7}")]
    [InlineData("{\"permissions\": [7, null, {}]}")]
    public async Task TestPermissions_Rubbish_IsAnsweredWithoutAFault(string body)
    {
        await using var host = await EmulatorHost.StartAsync();

        using var answer = await host.Http.PostAsync(
            $"/v1/projects/{EmulatorHost.Project}:testIamPermissions", new StringContent(body),
            EmulatorHost.Cancellation);

        Assert.InRange((int)answer.StatusCode, 200, 499);
    }

    private static QueuedResource Queued(int count)
    {
        var spec = new QueuedResource.Types.Tpu.Types.NodeSpec
        {
            Parent = EmulatorHost.Parent(Zones[0]),
            Node = EmulatorHost.SpotNode(),
        };
        if (count == 1)
        {
            spec.NodeId = "q";
        }
        else
        {
            spec.MultisliceParams = new() { NodeCount = count };
        }

        return new QueuedResource { Tpu = new() { NodeSpec = { spec } } };
    }

    private static async Task<QueuedResource> GetQueuedAsync(EmulatorHost host, string name) =>
        await host.Tpu.GetQueuedResourceAsync(new GetQueuedResourceRequest { Name = name });

    private static async Task<StatusCode> Status<T>(Task<T> call)
    {
        try
        {
            await call;
            return StatusCode.OK;
        }
        catch (RpcException exception)
        {
            return exception.StatusCode;
        }
    }

    private static async Task<T?> AssertAsync<T>(StatusCode expected, Task<T> call, string what)
    {
        var status = await Status(call);
        Assert.True(expected == status, $"{what} answered {status}, not {expected}");
        return status == StatusCode.OK ? await call : default;
    }

    /// <summary>
    /// Every operation that began has ended once nothing is due, and those of nodes that stayed have them.
    /// </summary>
    private static async Task AssertOperationsAsync(EmulatorHost host, CloudModel model)
    {
        host.Pass(60);
        model.Pass(60);
        Assert.Equal(model.List("-"), await ListAsync(host, "-", 3));
        foreach (var zone in Zones)
        {
            var operations = await host.Connection.Operations.ListOperationsAsync(
                new ListOperationsRequest { Name = EmulatorHost.Parent(zone) + "/operations" });
            Assert.All(operations.Operations, operation => Assert.True(operation.Done, operation.Name));
        }
    }

    private static async Task<List<string>> ListAsync(EmulatorHost host, string zone, int size)
    {
        var (nodes, token) = (new List<string>(), "");
        do
        {
            var page = await host.Tpu.ListNodesAsync(
                new ListNodesRequest { Parent = EmulatorHost.Parent(zone), PageSize = size, PageToken = token });
            Assert.InRange(page.Nodes.Count, 0, size);
            nodes.AddRange(page.Nodes.Select(node => $"{node.Name} {node.State}"));
            token = page.NextPageToken;
        }
        while (token.Length > 0);

        return nodes;
    }
}
