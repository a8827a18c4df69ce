using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Google.Cloud.Tpu.V2;

/// <summary>
/// The one call that only v2alpha1 has: a queued resource that flex-start provides, which lasts for a limited time. Its
/// JSON differs from v2's by two fields; gRPC messages of the two versions do not fit each other. Everything else about
/// the queued resource is asked by v2.
/// </summary>
public sealed partial class TpuConnection
{
    /// <summary>Requests a queued resource of the provisioning model FLEX_START.</summary>
    /// <param name="request">The request, as of v2, without a tier.</param>
    /// <param name="maxRunDuration">Time after which the cloud deletes its nodes; more than 0, 7 days at most.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The name of the long-running operation.</returns>
    /// <exception cref="RpcException">The call failed; the details of the error are those of the answer.</exception>
    /// <exception cref="InvalidOperationException">The connection goes over no network.</exception>
    public async Task<string> CreateFlexStartAsync(
        CreateQueuedResourceRequest request, TimeSpan maxRunDuration, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var channel = _channel
            ?? throw new InvalidOperationException("This connection goes over no network, so it has no JSON calls.");
        var body = JsonNode.Parse(JsonFormatter.Default.Format(request.QueuedResource))!.AsObject();
        body["provisioningModel"] = "FLEX_START";
        body["runDuration"] = new JsonObject
        {
            ["maxRunDuration"] = JsonNode.Parse(
                JsonFormatter.Default.Format(Duration.FromTimeSpan(maxRunDuration))),
        };
        var (status, answer) = await channel.PostJsonAsync(
            $"/v2alpha1/{request.Parent}/queuedResources?queuedResourceId="
            + Uri.EscapeDataString(request.QueuedResourceId),
            body.ToJsonString(), cancellationToken);
        return status is >= 200 and < 300
            ? OperationOf(answer) ?? throw new RpcException(new Status(
                StatusCode.Internal, $"HTTP status {status} came without the name of an operation."))
            : throw JsonErrors.Read(status, answer);
    }

    private static string? OperationOf(string answer)
    {
        try
        {
            return JsonNode.Parse(answer) is JsonObject operation && operation["name"] is JsonValue value
                && value.TryGetValue(out string? name) && name.Length > 0 ? name : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
