using Google.Cloud.Tpu.V2;
using Google.Rpc;
using Grpc.Core;

namespace Workflows.GoogleCloud.Tests.Emulator;

public sealed class RefusalTests
{
    private const string Serving = "TPUV5sLitepodServingPerProjectPerZoneForTPUAPI";
    private const string SpotServing = "TPUV5sPreemptibleLitepodServingPerProjectPerZoneForTPUAPI";

    [Fact]
    public async Task CreateNode_InAForbiddenZone_GetsTheLocationPolicyInTheCloudsWords()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-central2-b": {"refuse": "LOCATION_POLICY_VIOLATED"}}}""");

        var refusal = await RefusedAsync(host, "us-central2-b");

        Assert.Equal(StatusCode.PermissionDenied, refusal.StatusCode);
        Assert.Equal("Permission denied on 'locations/us-central2-b' (or it may not exist).", refusal.Status.Detail);
        var status = refusal.GetRpcStatus()!;
        Assert.Equal(refusal.Status.Detail, status.GetDetail<LocalizedMessage>().Message);
        var info = status.GetDetail<ErrorInfo>();
        Assert.Equal(("LOCATION_POLICY_VIOLATED", "googleapis.com"), (info.Reason, info.Domain));
        Assert.Equal("projects/demo-proj", info.Metadata["consumer"]);
        Assert.Equal("us-central2-b", info.Metadata["location"]);
        Assert.Equal("tpu.googleapis.com", info.Metadata["service"]);
    }

    [Fact]
    public async Task CreateNode_AboveTheQuota_GetsItsNameLimitAndZone()
    {
        await using var host = await EmulatorHost.StartAsync(
            $$$$$"""{"projectNumber": "42", "zones": {"us-central1-a": {"quota": {"{{{{{Serving}}}}}": 4}}}}""");

        var refusal = await RefusedAsync(host, "us-central1-a", "v5litepod-8");

        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
        Assert.Equal($"Quota '{Serving}' exhausted. Limit 4 in zone us-central1-a", refusal.Status.Detail);
        var violation = Assert.Single(refusal.GetRpcStatus()!.GetDetail<QuotaFailure>().Violations);
        Assert.Equal("project:42", violation.Subject);
        Assert.Equal(refusal.Status.Detail, violation.Description);
    }

    [Fact]
    public async Task CreateNode_OfATypeTheZoneDoesNotOffer_NamesTypeAndZoneTwice()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-central1-b": {"acceleratorTypes": ["v2-8", "v6e-8"]}}}""");

        var refusal = await RefusedAsync(host, "us-central1-b", "v5litepod-8");

        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
        Assert.Matches(
            "^Cloud TPU received a bad request\\. The requested accelerator configuration for accelerator type, "
            + "\"v5litepod-8\", could not be found in the zonal accelerator configurations for \"us-central1-b\"\\.; "
            + "the accelerator v5litepod-8 was not found in zone us-central1-b \\[EID: 0x[0-9a-f]{16}\\]$",
            refusal.Status.Detail);
    }

    [Theory]
    [InlineData("ZONE_NOT_SUPPORTED", StatusCode.InvalidArgument,
        "Cloud TPU received a bad request. The requested zone \"us-west4-a\" is not supported. [EID: 0x")]
    [InlineData("LOCATION_NOT_FOUND", StatusCode.PermissionDenied,
        "Location us-west4-a is not found or access is unauthorized.")]
    public async Task CreateNode_InAZoneThatRefuses_GetsThatRefusal(string refuse, StatusCode code, string text)
    {
        await using var host = await EmulatorHost.StartAsync(
            $$$$$"""{"zones": {"us-west4-a": {"refuse": "{{{{{refuse}}}}}"}}}""");

        var refusal = await RefusedAsync(host, "us-west4-a");

        Assert.Equal(code, refusal.StatusCode);
        Assert.StartsWith(text, refusal.Status.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("us-west4-a", "..", StatusCode.InvalidArgument)]
    [InlineData("us-west4-a", "a%00", StatusCode.InvalidArgument)]
    [InlineData("us-west4-a", "Node", StatusCode.InvalidArgument)]
    [InlineData("us-west4-a", "a-", StatusCode.InvalidArgument)]
    [InlineData("-", "node", StatusCode.PermissionDenied)]
    [InlineData("..", "node", StatusCode.PermissionDenied)]
    public async Task CreateNode_NameThatCannotBe_IsRefusedAndLeavesNothing(string zone, string id, StatusCode code)
    {
        await using var host = await EmulatorHost.StartAsync("{}");

        var refusal = await Assert.ThrowsAsync<RpcException>(() => host.CreateAsync(zone, id));

        Assert.Equal(code, refusal.StatusCode);
        Assert.Empty((await host.Tpu.ListNodesAsync(
            new ListNodesRequest { Parent = $"projects/{EmulatorHost.Project}/locations/-" })).Nodes);
    }

    [Fact]
    public async Task CreateNode_MetadataOverTheLimit_IsRefused()
    {
        await using var host = await EmulatorHost.StartAsync("{}");
        var node = new Node { AcceleratorType = "v5litepod-8", RuntimeVersion = "v2-alpha-tpuv5-lite" };
        node.Metadata["startup-script"] = new string('x', 600_000);

        var refusal = await Assert.ThrowsAsync<RpcException>(() => host.CreateAsync("us-west4-a", "node", node));

        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
        Assert.Contains("metadata", refusal.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CreateNode_BeyondTheCapacity_FailsInItsOperationAndIsNotFoundAfterwards()
    {
        await using var host = await EmulatorHost.StartAsync("""{"zones": {"us-west4-a": {"capacity": 4}}}""");
        await host.ReadyAsync("us-west4-a", "fits");
        var create = await host.CreateAsync("us-west4-a", "n1");
        var creating = await host.GetAsync("us-west4-a", "n1");
        host.Pass(1);

        var operation = await host.OperationAsync(create.Name);
        var gone = await Assert.ThrowsAsync<RpcException>(() => host.GetAsync("us-west4-a", "n1"));

        Assert.Equal(Google.Cloud.Tpu.V2.Node.Types.State.Creating, creating.State);
        Assert.True(operation.Done);
        Assert.Equal(8, operation.Error.Code);
        Assert.StartsWith(
            "There is no more capacity in the zone \"us-west4-a\"; you can try in another zone where Cloud TPU Nodes "
            + "are offered (see https://cloud.google.com/tpu/docs/regions) [EID: 0x",
            operation.Error.Message, StringComparison.Ordinal);
        Assert.Equal(StatusCode.NotFound, gone.StatusCode);
    }

    [Fact]
    public async Task CreateNode_OfAReservation_FailsInItsOperation()
    {
        await using var host = await EmulatorHost.StartAsync();
        var node = EmulatorHost.SpotNode(isSpot: false);
        node.SchedulingConfig.Reserved = true;
        var create = await host.CreateAsync("us-west4-a", "n1", node);
        host.Pass(1);

        var operation = await host.OperationAsync(create.Name);

        Assert.Equal((5, "Reservation not found"), (operation.Error.Code, operation.Error.Message));
    }

    [Fact]
    public async Task CreateNode_DuringABurst_IsUnavailableThenRateLimitedThenLetThrough()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"unavailableCreates": 2, "rateLimitedCreates": 1}}}""");

        var first = await RefusedAsync(host, "us-west4-a");
        var second = await RefusedAsync(host, "us-west4-a");
        var third = await RefusedAsync(host, "us-west4-a");
        var fourth = await host.CreateAsync("us-west4-a", "n1");

        Assert.Equal(StatusCode.Unavailable, first.StatusCode);
        Assert.Equal(StatusCode.Unavailable, second.StatusCode);
        Assert.Equal(StatusCode.ResourceExhausted, third.StatusCode);
        Assert.Contains("requests per minute", third.Status.Detail, StringComparison.Ordinal);
        Assert.False(fourth.Done);
    }

    [Fact]
    public async Task CreateNode_OverARateLimitWithADelay_AsksForItInTheDetails()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"rateLimitedCreates": 1, "rateLimitRetrySeconds": 12.5}}}""");

        var refused = await RefusedAsync(host, "us-west4-a");

        Assert.StartsWith(
            "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute'",
            refused.Status.Detail, StringComparison.Ordinal);
        var status = refused.GetRpcStatus()!;
        Assert.Equal("RATE_LIMIT_EXCEEDED", status.GetDetail<Google.Rpc.ErrorInfo>()?.Reason);
        Assert.Equal(
            TimeSpan.FromSeconds(12.5), status.GetDetail<Google.Rpc.RetryInfo>()?.RetryDelay.ToTimeSpan());
        Assert.False((await host.CreateAsync("us-west4-a", "n1")).Done);
    }

    /// <summary>Its words fit both causes.</summary>
    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public async Task CreateNode_WhereApiOrZoneIsClosed_DoesNotSayWhich(string isDisabled)
    {
        await using var host = await EmulatorHost.StartAsync(
            $$$$"""
            {"apiDisabled": {{{{isDisabled}}}}, "zones": {"us-west4-a": {"refuse": "API_OR_ZONE_FORBIDDEN"}}}
            """);

        var refused = await RefusedAsync(host, "us-west4-a");

        Assert.Equal(
            (StatusCode.PermissionDenied, "TPU API is not enabled or you don't have TPU access to zone: us-west4-a."),
            (refused.StatusCode, refused.Status.Detail));
    }

    [Fact]
    public async Task AnyCall_WhereTheApiIsDisabled_SaysHowToEnableIt()
    {
        await using var host = await EmulatorHost.StartAsync("""{"apiDisabled": true, "projectNumber": "42"}""");

        var refusal = await Assert.ThrowsAsync<RpcException>(() => host.GetAsync("us-west4-a", "n1"));

        Assert.Equal(StatusCode.PermissionDenied, refusal.StatusCode);
        Assert.StartsWith(
            "Cloud TPU API has not been used in project 42 before or it is disabled. Enable it by visiting ",
            refusal.Status.Detail, StringComparison.Ordinal);
        Assert.Equal("SERVICE_DISABLED", refusal.GetRpcStatus()!.GetDetail<ErrorInfo>().Reason);
    }

    [Fact]
    public async Task CreateNode_WithATakenName_AlreadyExists()
    {
        await using var host = await EmulatorHost.StartAsync();
        await host.CreateAsync("us-west4-a", "n1");

        var refusal = await RefusedAsync(host, "us-west4-a");

        Assert.Equal(StatusCode.AlreadyExists, refusal.StatusCode);
        Assert.Equal(
            "Resource 'projects/demo-proj/locations/us-west4-a/nodes/n1' already exists", refusal.Status.Detail);
    }

    [Fact]
    public async Task CreateNode_OfAnImageThatIsNone_IsRefused()
    {
        await using var host = await EmulatorHost.StartAsync();
        var node = EmulatorHost.SpotNode();
        node.RuntimeVersion = "v9-none";

        var refusal = await Assert.ThrowsAsync<RpcException>(() => host.CreateAsync("us-west4-a", "n1", node));

        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
        Assert.Contains("'v9-none'", refusal.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Quota_WithNodesInCreationOrPreempted_IsHeldUntilTheyAreDeleted()
    {
        await using var host = await EmulatorHost.StartAsync(
            $$$$$"""{"zones": {"us-west4-a": {"quota": {"{{{{{Serving}}}}}": 4}, "preempt": {"afterSeconds": 1}}}}""");
        await host.CreateAsync("us-west4-a", "held");
        var whileCreating = await RefusedAsync(host, "us-west4-a");
        host.Pass(2);
        var whilePreempted = await RefusedAsync(host, "us-west4-a");
        await host.DeleteAsync("us-west4-a", "held");
        host.Pass(1);
        var after = await host.CreateAsync("us-west4-a", "n1");

        Assert.Equal(StatusCode.ResourceExhausted, whileCreating.StatusCode);
        Assert.Equal(StatusCode.ResourceExhausted, whilePreempted.StatusCode);
        Assert.NotEmpty(after.Name);
    }

    [Fact]
    public async Task Quota_WithASpotLimitOfItsOwn_DoesNotCountOnDemandNodes()
    {
        await using var host = await EmulatorHost.StartAsync(
            $$$$$"""{"zones": {"us-west4-a": {"quota": {"{{{{{Serving}}}}}": 4, "{{{{{SpotServing}}}}}": 4}}}}""");
        await host.CreateAsync("us-west4-a", "on-demand", EmulatorHost.SpotNode(isSpot: false));
        await host.CreateAsync("us-west4-a", "spot");

        var refusal = await RefusedAsync(host, "us-west4-a");

        Assert.Equal($"Quota '{SpotServing}' exhausted. Limit 4 in zone us-west4-a", refusal.Status.Detail);
    }

    [Fact]
    public async Task Quota_OfTensorCores_IsCountedAsTheTypesNameCounts()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"quota": {"TPUV5PPerProjectPerZoneForTPUAPI": 8}}}}""");
        var node = EmulatorHost.SpotNode("v5p-8");
        node.RuntimeVersion = "v2-alpha-tpuv5";
        await host.CreateAsync("us-west4-a", "one", node);

        var refusal = await Assert.ThrowsAsync<RpcException>(() => host.CreateAsync("us-west4-a", "two", node));

        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
    }

    [Fact]
    public async Task Prepare_OfOneProject_LeavesTheOthersAlone()
    {
        await using var host = await EmulatorHost.StartAsync();
        host.Emulator.Prepare(EmulatorHost.Project, """{"zones": {"us-west4-a": {"refuse": "ZONE_NOT_SUPPORTED"}}}""");
        host.Emulator.Prepare(EmulatorHost.Project, "{}");

        var refusal = await RefusedAsync(host, "us-west4-a");
        var elsewhere = await host.Tpu.CreateNodeAsync(
            new() { Parent = "projects/other/locations/us-west4-a", NodeId = "n1", Node = EmulatorHost.SpotNode() },
            cancellationToken: EmulatorHost.Cancellation);

        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
        Assert.StartsWith("projects/other/", elsewhere.Name, StringComparison.Ordinal);
    }

    private static Task<RpcException> RefusedAsync(EmulatorHost host, string zone, string type = "v5litepod-4") =>
        Assert.ThrowsAsync<RpcException>(() => host.CreateAsync(zone, "n1", EmulatorHost.SpotNode(type)));
}
