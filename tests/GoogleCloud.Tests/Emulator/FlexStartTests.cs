using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Workflows.TestKit;
using static Google.Cloud.Tpu.V2.QueuedResourceState.Types;

namespace Workflows.GoogleCloud.Tests.Emulator;

/// <summary>Queued resources of flex-start: created by v2alpha1 in JSON, everything else by v2.</summary>
public sealed class FlexStartTests
{
    private const string Zone = "us-west4-a";
    private const string Path = $"/v2alpha1/projects/{EmulatorHost.Project}/locations/{Zone}/queuedResources";
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly string Name = $"{EmulatorHost.Parent(Zone)}/queuedResources/q1";

    [Fact]
    public async Task Create_ByTheClient_GivesAnOnDemandNodeThatEndsAtItsTime()
    {
        await using var host = await EmulatorHost.StartAsync("""{"deleteSeconds": 5}""");

        var operation = await host.OperationAsync(await CreateAsync(host));
        await PassAsync(host, 1, 1);
        var active = await StateAsync(host);
        var node = await host.GetAsync(Zone, "n1");
        await PassAsync(host, 3599);
        var before = await host.GetAsync(Zone, "n1");
        await PassAsync(host, 1);
        var (suspending, deleting) = (await StateAsync(host), await host.GetAsync(Zone, "n1"));
        await PassAsync(host, 5);
        var suspended = await StateAsync(host);

        Assert.Equal(Operation.ResultOneofCase.Response, operation.ResultCase);
        Assert.Equal(State.Active, active.State);
        Assert.False(node.SchedulingConfig.Spot);
        Assert.Equal("run-1", node.Labels["workflows-run"]);
        Assert.Equal((Node.Types.State.Ready, Node.Types.State.Deleting), (before.State, deleting.State));
        Assert.Equal((State.Suspending, StateInitiator.Service), (suspending.State, suspending.StateInitiator));
        Assert.Equal((State.Suspended, StateInitiator.Service), (suspended.State, suspended.StateInitiator));
        Assert.Equal(
            StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(() => host.GetAsync(Zone, "n1"))).StatusCode);

        await host.Tpu.DeleteQueuedResourceAsync(
            new DeleteQueuedResourceRequest { Name = Name, Force = true },
            cancellationToken: EmulatorHost.Cancellation);
        host.Pass(5);
        Assert.Empty(host.Emulator.Occupied());
    }

    [Fact]
    public async Task Node_AfterARestartOfTheEmulator_StillEndsAtItsTime()
    {
        using var folder = new TemporaryFolder("flex-");
        DateTimeOffset now;
        await using (var host = await EmulatorHost.StartAsync(state: folder.Path))
        {
            await CreateAsync(host);
            await PassAsync(host, 1, 1, 10);
            now = host.Clock!.GetUtcNow();
        }

        await using var next = await EmulatorHost.StartAsync(state: folder.Path);
        next.Pass((now - next.Clock!.GetUtcNow()).TotalSeconds);
        Assert.Equal(State.Active, (await StateAsync(next)).State);
        await PassAsync(next, 3590, 5);

        Assert.Equal(State.Suspended, (await StateAsync(next)).State);
    }

    [Fact]
    public async Task Create_OfATypeThatFlexStartDoesNotProvide_FailsInItsOperation()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"flexStartTypes": ["v5litepod-8"]}}}""");

        var operation = await host.OperationAsync(await CreateAsync(host));

        Assert.Equal(
            ((int)Code.InvalidArgument,
                "FLEX_START provisioning model is not supported for accelerator type \"v5litepod-4\" in location "
                + "\"us-west4-a\""),
            (operation.Error.Code, operation.Error.Message));
        Assert.Empty(host.Emulator.Occupied());
    }

    /// <summary>A refusal in JSON is the exception of a gRPC call, with the details that tell it apart.</summary>
    [Fact]
    public async Task Create_ThatIsRefused_HasTheDetailsOfTheAnswer()
    {
        const string Quota = "TPUV5sPreemptibleLitepodServingPerProjectPerZoneForTPUAPI";
        await using var host = await EmulatorHost.StartAsync(
            $$"""{"zones": {"us-west4-a": {"quota": {"{{Quota}}": 0} } } }""");

        var exception = await Assert.ThrowsAsync<RpcException>(() => CreateAsync(host));

        Assert.Equal(StatusCode.ResourceExhausted, exception.StatusCode);
        Assert.Contains(Quota, exception.Status.Detail, StringComparison.Ordinal);
        var quota = exception.GetRpcStatus()!.GetDetail<QuotaFailure>()!;
        Assert.Equal(exception.Status.Detail, Assert.Single(quota.Violations).Description);
    }

    [Fact]
    public async Task Create_Twice_IsAlreadyThere()
    {
        await using var host = await EmulatorHost.StartAsync();
        await CreateAsync(host);

        var exception = await Assert.ThrowsAsync<RpcException>(() => CreateAsync(host));

        Assert.Equal(StatusCode.AlreadyExists, exception.StatusCode);
    }

    [Theory]
    [InlineData("""{"runDuration": null}""", "maxRunDuration")]
    [InlineData("""{"runDuration": {"maxRunDuration": "0s"}}""", "maxRunDuration")]
    [InlineData("""{"runDuration": {"maxRunDuration": "604801s"}}""", "maxRunDuration")]
    [InlineData("""{"runDuration": {"maxRunDuration": "long"}}""", "Invalid JSON payload")]
    [InlineData("""{"runDuration": 3}""", "maxRunDuration")]
    [InlineData("""{"provisioningModel": "SPOT"}""", "provisioningModel")]
    [InlineData("""{"provisioningModel": null}""", "provisioningModel")]
    [InlineData("""{"spot": {}}""", "no tier")]
    [InlineData("""{"reservationName": "r"}""", "no tier")]
    [InlineData("""{"nonsense": 1}""", "nonsense")]
    [InlineData("""{"tpu": 5}""", "Invalid JSON payload")]
    [InlineData("""{"tpu": {}}""", "node_spec")]
    [InlineData("[]", "JSON object")]
    [InlineData("{", "Invalid JSON payload")]
    public async Task Create_WithABadField_IsAnInvalidArgument(string change, string words)
    {
        await using var host = await EmulatorHost.StartAsync();
        var body = JsonNode.Parse("""
            {"provisioningModel": "FLEX_START", "runDuration": {"maxRunDuration": "3600s"}, "tpu": {"nodeSpec": [{
            "nodeId": "n1", "node": {"acceleratorType": "v5litepod-4", "runtimeVersion": "v2-alpha-tpuv5-lite"}}]}}
            """)!.AsObject();
        if (change.StartsWith("{\"", StringComparison.Ordinal))
        {
            foreach (var (name, value) in JsonNode.Parse(change)!.AsObject())
            {
                body[name] = value?.DeepClone();
            }

            change = body.ToJsonString();
        }

        using var content = new StringContent(change, Encoding.UTF8, "application/json");
        using var response = await host.Http.PostAsync(
            $"{Path}?queuedResourceId=q1", content, EmulatorHost.Cancellation);
        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync(EmulatorHost.Cancellation))!["error"]!;

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("INVALID_ARGUMENT", (string?)error["status"]);
        Assert.Contains(words, (string)error["message"]!, StringComparison.Ordinal);
        Assert.Empty(host.Emulator.Occupied());
    }

    [Theory]
    [InlineData("text/plain", "{}", "content type")]
    [InlineData("application/json", null, "exceeds the limit")]
    public async Task Create_WithABodyOfAnotherKind_IsAnInvalidArgument(string type, string? body, string words)
    {
        await using var host = await EmulatorHost.StartAsync();
        using var content = new StringContent(body ?? new string(' ', (1 << 20) + 1), Encoding.UTF8, type);
        using var response = await host.Http.PostAsync(
            $"{Path}?queuedResourceId=q1", content, EmulatorHost.Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(
            words, await response.Content.ReadAsStringAsync(EmulatorHost.Cancellation), StringComparison.Ordinal);
    }

    /// <summary>A test, or a person, ends the time of a node at once.</summary>
    [Fact]
    public async Task EndFault_OfANode_EndsItsTimeNow()
    {
        await using var host = await EmulatorHost.StartAsync();
        await CreateAsync(host);
        await PassAsync(host, 1, 1);
        await host.ReadyAsync(Zone, "other");

        Assert.Equal(HttpStatusCode.Conflict, await EndAsync(host, "other"));
        Assert.Equal(HttpStatusCode.NoContent, await EndAsync(host, "n1"));

        Assert.Equal(Node.Types.State.Deleting, (await host.GetAsync(Zone, "n1")).State);
        Assert.Equal(State.Suspending, (await StateAsync(host)).State);
    }

    private static async Task<HttpStatusCode> EndAsync(EmulatorHost host, string node)
    {
        using var content = new StringContent("""{"fault": "end"}""", Encoding.UTF8, "application/json");
        using var response = await host.Http.PostAsync(
            $"/emulator/projects/{EmulatorHost.Project}/locations/{Zone}/nodes/{node}/faults", content,
            EmulatorHost.Cancellation);
        return response.StatusCode;
    }

    private static Task<string> CreateAsync(EmulatorHost host)
    {
        var node = EmulatorHost.SpotNode();
        node.SchedulingConfig = null;
        node.Labels["workflows-run"] = "run-1";
        var tpu = new QueuedResource.Types.Tpu();
        tpu.NodeSpec.Add(new QueuedResource.Types.Tpu.Types.NodeSpec
        {
            Parent = EmulatorHost.Parent(Zone),
            NodeId = "n1",
            Node = node,
        });
        return host.Connection.CreateFlexStartAsync(
            new CreateQueuedResourceRequest
            {
                Parent = EmulatorHost.Parent(Zone),
                QueuedResourceId = "q1",
                QueuedResource = new QueuedResource
                {
                    Tpu = tpu,
                    QueueingPolicy = new() { ValidUntilDuration = Duration.FromTimeSpan(Hour) },
                },
            },
            Hour, EmulatorHost.Cancellation);
    }

    private static async Task PassAsync(EmulatorHost host, params double[] steps)
    {
        foreach (var seconds in steps)
        {
            host.Pass(seconds);
            await StateAsync(host);
        }
    }

    private static async Task<QueuedResourceState> StateAsync(EmulatorHost host) =>
        (await host.Tpu.GetQueuedResourceAsync(
            new GetQueuedResourceRequest { Name = Name }, cancellationToken: EmulatorHost.Cancellation)).State;
}
