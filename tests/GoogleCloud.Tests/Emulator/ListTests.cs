using Google.Cloud.Tpu.V2;
using Grpc.Core;

namespace Workflows.GoogleCloud.Tests.Emulator;

public sealed class ListTests
{
    [Fact]
    public async Task ListNodes_OfAllZonesInPages_GivesEachOnce()
    {
        await using var host = await EmulatorHost.StartAsync();
        await host.CreateAsync("us-west4-a", "a");
        await host.CreateAsync("us-west4-a", "b");
        await host.CreateAsync("us-east1-d", "c");
        var names = new List<string>();
        ListNodesResponse page = new();
        do
        {
            page = await host.Tpu.ListNodesAsync(
                new ListNodesRequest
                {
                    Parent = EmulatorHost.Parent("-"),
                    PageSize = 2,
                    PageToken = page.NextPageToken,
                },
                cancellationToken: EmulatorHost.Cancellation);
            names.AddRange(page.Nodes.Select(node => node.Name));
        }
        while (page.NextPageToken.Length > 0);

        Assert.Equal(
            [
                EmulatorHost.NodeName("us-east1-d", "c"), EmulatorHost.NodeName("us-west4-a", "a"),
                EmulatorHost.NodeName("us-west4-a", "b"),
            ],
            names);
    }

    [Fact]
    public async Task ListNodes_OfOneZone_LeavesTheOthersOut()
    {
        await using var host = await EmulatorHost.StartAsync();
        await host.CreateAsync("us-west4-a", "a");
        await host.CreateAsync("us-east1-d", "c");

        var answer = await host.Tpu.ListNodesAsync(
            new ListNodesRequest { Parent = EmulatorHost.Parent("us-east1-d") },
            cancellationToken: EmulatorHost.Cancellation);

        Assert.Equal(EmulatorHost.NodeName("us-east1-d", "c"), Assert.Single(answer.Nodes).Name);
    }

    [Fact]
    public async Task ListNodes_WithABrokenPageToken_IsRefused()
    {
        await using var host = await EmulatorHost.StartAsync();

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await host.Tpu.ListNodesAsync(
            new ListNodesRequest { Parent = EmulatorHost.Parent("-"), PageToken = "x" },
            cancellationToken: EmulatorHost.Cancellation));

        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
    }

    [Fact]
    public async Task ListAcceleratorTypes_OfALimitedZone_IsEmptyOnceThenRight()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"acceleratorTypes": ["v5litepod-8"], "emptyAcceleratorTypeLists": 1}}}""");
        var request = new ListAcceleratorTypesRequest { Parent = EmulatorHost.Parent("us-west4-a") };

        var empty = await host.Tpu.ListAcceleratorTypesAsync(request, cancellationToken: EmulatorHost.Cancellation);
        var right = await host.Tpu.ListAcceleratorTypesAsync(request, cancellationToken: EmulatorHost.Cancellation);

        Assert.Empty(empty.AcceleratorTypes);
        var type = Assert.Single(right.AcceleratorTypes);
        Assert.Equal("v5litepod-8", type.Type);
        Assert.Equal("2x4", Assert.Single(type.AcceleratorConfigs).Topology);
    }

    [Fact]
    public async Task GetAcceleratorType_NotInTheZone_IsNotFound()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"acceleratorTypes": []}}}""");

        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await host.Tpu.GetAcceleratorTypeAsync(
            new GetAcceleratorTypeRequest { Name = EmulatorHost.Parent("us-west4-a") + "/acceleratorTypes/v6e-8" },
            cancellationToken: EmulatorHost.Cancellation));

        Assert.Equal(StatusCode.NotFound, refusal.StatusCode);
    }

    [Fact]
    public async Task ListRuntimeVersions_HasTheImageOfEveryGeneration()
    {
        await using var host = await EmulatorHost.StartAsync();

        var answer = await host.Tpu.ListRuntimeVersionsAsync(
            new ListRuntimeVersionsRequest { Parent = EmulatorHost.Parent("us-west4-a") },
            cancellationToken: EmulatorHost.Cancellation);

        Assert.Equal(
            ["tpu-ubuntu2204-base", "v2-alpha-tpuv5-lite", "v2-alpha-tpuv5", "v2-alpha-tpuv6e"],
            answer.RuntimeVersions.Select(version => version.Version));
    }

    [Fact]
    public async Task ListLocations_HasTheScenariosZonesToo()
    {
        await using var host = await EmulatorHost.StartAsync("""{"zones": {"moon-base1-a": {}}}""");

        var json = await host.Http.GetStringAsync(
            new Uri("/v2/projects/demo-proj/locations", UriKind.Relative), EmulatorHost.Cancellation);

        Assert.Contains("projects/demo-proj/locations/moon-base1-a", json, StringComparison.Ordinal);
        Assert.Contains("projects/demo-proj/locations/us-west4-a", json, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListOperations_OfAZone_HasCreateAndDelete()
    {
        await using var host = await EmulatorHost.StartAsync();
        await host.ReadyAsync("us-west4-a", "a");
        await host.DeleteAsync("us-west4-a", "a");

        var answer = await host.Connection.Operations.ListOperationsAsync(
            new() { Name = EmulatorHost.Parent("us-west4-a") }, cancellationToken: EmulatorHost.Cancellation);

        Assert.Equal(["create", "delete"],
            answer.Operations.Select(each => each.Metadata.Unpack<OperationMetadata>().Verb).Order());
    }
}
