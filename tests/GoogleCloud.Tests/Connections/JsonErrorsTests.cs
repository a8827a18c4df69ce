using Google.Cloud.Tpu.V2;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Workflows.GoogleCloud.Connections;

namespace Workflows.GoogleCloud.Tests.Connections;

/// <summary>Errors in JSON are the exceptions that gRPC would throw.</summary>
public sealed class JsonErrorsTests
{
    [Fact]
    public void Read_OfAnError_KeepsCodeMessageAndAllDetails()
    {
        var exception = JsonErrors.Read(403, """
            {"error": {"code": 403, "message": "No.", "status": "PERMISSION_DENIED", "details": [
              {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "newField": 1},
              {"@type": "type.googleapis.com/google.rpc.Unheard", "words": ["kept"]},
              {"untyped": true}, "no object"]}}
            """);

        Assert.Equal((StatusCode.PermissionDenied, "No."), (exception.StatusCode, exception.Status.Detail));
        var status = exception.GetRpcStatus()!;
        Assert.Equal("SERVICE_DISABLED", status.GetDetail<ErrorInfo>()!.Reason);
        Assert.Equal(3, status.Details.Count);
        Assert.Equal(
            "kept", status.Details[1].Unpack<Struct>().Fields["words"].ListValue.Values[0].StringValue);
    }

    /// <summary>Answers of proxies and front ends, and of a cloud that does not have the call.</summary>
    [Theory]
    [InlineData(502, "<html>Bad Gateway</html>", StatusCode.Unavailable)]
    [InlineData(404, "<html>The requested URL was not found</html>", StatusCode.Unimplemented)]
    [InlineData(401, "", StatusCode.Unauthenticated)]
    [InlineData(400, "[]", StatusCode.InvalidArgument)]
    [InlineData(429, """{"error": "text"}""", StatusCode.Unavailable)]
    [InlineData(302, "{}", StatusCode.Unknown)]
    [InlineData(403, """{"error": {"status": "OK", "message": 5, "details": {}}}""", StatusCode.PermissionDenied)]
    [InlineData(409, """{"error": {"status": "ALREADY_EXISTS"}}""", StatusCode.AlreadyExists)]
    public void Read_OfAnyAnswer_HasACodeAndWords(int http, string body, StatusCode expected)
    {
        var exception = JsonErrors.Read(http, body);

        Assert.Equal(expected, exception.StatusCode);
        Assert.StartsWith($"HTTP status {http}", exception.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Call_WithoutAServer_IsAnOutageAndWasNeverSent()
    {
        using var connection = TpuConnection.ToEmulator(new Uri("http://127.0.0.1:1"));

        var exception = await Assert.ThrowsAsync<RpcException>(() => CreateAsync(connection));

        Assert.Equal(StatusCode.Unavailable, exception.StatusCode);
        Assert.True(UnsentCall.IsProved(exception));
    }

    /// <summary>An answer of 200 that is no operation may have made the resource: the call is repeated.</summary>
    [Fact]
    public async Task Call_ToAServerOfAnotherKind_HasNoOperation()
    {
        await using var fake = await FakeGoogle.StartAsync(isSecure: false);
        using var connection = TpuConnection.ToEmulator(fake.Address);

        var exception = await Assert.ThrowsAsync<RpcException>(() => CreateAsync(connection));

        Assert.Equal(StatusCode.Internal, exception.StatusCode);
        var headers = Assert.Single(fake.Requests);
        Assert.Equal(
            (ApiClientHeader.Rest, ApiClientHeader.Product), (headers[ApiClientHeader.Name], headers["user-agent"]));
        Assert.DoesNotContain("authorization", headers.Keys);
    }

    private static Task<string> CreateAsync(TpuConnection connection) => connection.CreateFlexStartAsync(
        new CreateQueuedResourceRequest
        {
            Parent = "projects/p/locations/z",
            QueuedResourceId = "q",
            QueuedResource = new QueuedResource(),
        },
        TimeSpan.FromHours(1), TestContext.Current.CancellationToken);
}
