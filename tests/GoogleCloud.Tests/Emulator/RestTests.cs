using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Workflows.GoogleCloud.Tests.Emulator;

public sealed class RestTests
{
    private const string Nodes = "/v2/projects/demo-proj/locations/us-west4-a/nodes";

    [Fact]
    public async Task PostNode_AsGcloudDoes_CreatesItAndTheOperationIsReadable()
    {
        await using var host = await EmulatorHost.StartAsync();
        var (status, operation) = await SendAsync(host, HttpMethod.Post, $"{Nodes}?nodeId=n1&alt=json", """
            {"acceleratorType":"v5litepod-4","metadata":{},
            "networkConfig":{"enableExternalIps":true,"network":"default"},"runtimeVersion":"v2-alpha-tpuv5-lite",
            "schedulingConfig":{"preemptible":false,"reserved":false,"spot":true}}
            """);
        host.Pass(1);
        var (_, done) = await SendAsync(host, HttpMethod.Get, $"/v2/{operation["name"]}");
        var (_, node) = await SendAsync(host, HttpMethod.Get, $"{Nodes}/n1");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Null(operation["done"]);
        Assert.True((bool)done["done"]!);
        Assert.Equal("type.googleapis.com/google.cloud.tpu.v2.Node", (string?)done["response"]!["@type"]);
        Assert.Equal("type.googleapis.com/google.cloud.tpu.v2.OperationMetadata", (string?)done["metadata"]!["@type"]);
        Assert.Equal(
            ("READY", "HEALTHY", "V2"), ((string?)node["state"], (string?)node["health"], (string?)node["apiVersion"]));
        Assert.Matches("^[0-9]+$", (string)node["id"]!);
    }

    [Fact]
    public async Task PatchNode_WithAWholeNodeAndAMask_ChangesOnlyTheMask()
    {
        await using var host = await EmulatorHost.StartAsync();
        await host.ReadyAsync("us-west4-a", "n1");

        var (status, _) = await SendAsync(
            host, HttpMethod.Patch, $"{Nodes}/n1?updateMask=tags%2Clabels",
            """{"labels":{"a":"b"},"tags":["c"],"description":"not in the mask"}""");
        var (_, node) = await SendAsync(host, HttpMethod.Get, $"{Nodes}/n1");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("b", (string?)node["labels"]!["a"]);
        Assert.Null(node["description"]);
    }

    [Fact]
    public async Task Error_OfACall_HasTheEnvelopeOfGooglesFrontEnd()
    {
        await using var host = await EmulatorHost.StartAsync(
            """{"zones": {"us-west4-a": {"refuse": "LOCATION_POLICY_VIOLATED"}}}""");

        var (status, body) = await SendAsync(
            host, HttpMethod.Post, $"{Nodes}?nodeId=n1", """{"acceleratorType":"v5litepod-4"}""");

        Assert.Equal(HttpStatusCode.Forbidden, status);
        var error = body["error"]!;
        Assert.Equal((403, "PERMISSION_DENIED"), ((int)error["code"]!, (string?)error["status"]));
        Assert.Equal("Permission denied on 'locations/us-west4-a' (or it may not exist).", (string?)error["message"]);
        Assert.Equal("type.googleapis.com/google.rpc.LocalizedMessage", (string?)error["details"]![0]!["@type"]);
        Assert.Equal("LOCATION_POLICY_VIOLATED", (string?)error["details"]![1]!["reason"]);
    }

    [Theory]
    [InlineData("GET", "/v2/projects/demo-proj/locations/us-west4-a/nodes/none", 404, "NOT_FOUND")]
    [InlineData("GET", "/v2/nowhere", 404, "NOT_FOUND")]
    [InlineData("POST", "/v2/projects/demo-proj/locations/us-west4-a/nodes?nodeId=n1", 400, "INVALID_ARGUMENT")]
    public async Task Error_OfAnyPath_NamesItsStatus(string method, string path, int code, string name)
    {
        await using var host = await EmulatorHost.StartAsync();

        var (status, body) = await SendAsync(host, new HttpMethod(method), path, method == "POST" ? "{" : null);

        Assert.Equal(code, (int)status);
        Assert.Equal((code, name), ((int)body["error"]!["code"]!, (string?)body["error"]!["status"]));
    }

    [Fact]
    public async Task CancelOperation_OverRest_EndsTheCreation()
    {
        await using var host = await EmulatorHost.StartAsync();
        var create = await host.CreateAsync("us-west4-a", "n1");

        var (status, _) = await SendAsync(host, HttpMethod.Post, $"/v2/{create.Name}:cancel", "{}");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(1, (await host.OperationAsync(create.Name)).Error.Code);
    }

    private static async Task<(HttpStatusCode Status, JsonNode Body)> SendAsync(
        EmulatorHost host, HttpMethod method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await host.Http.SendAsync(request, EmulatorHost.Cancellation);
        return (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonNode>(EmulatorHost.Cancellation))!);
    }
}
