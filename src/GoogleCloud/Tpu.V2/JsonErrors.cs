using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;

namespace Google.Cloud.Tpu.V2;

/// <summary>
/// Reads errors of Google's front end in JSON, <c>{"error": {code, message, status, details}}</c>, as the exceptions
/// that gRPC calls throw, so that one reader understands both.
/// </summary>
internal static class JsonErrors
{
    private const int MostWords = 500;

    private static readonly JsonParser Details = new(JsonParser.Settings.Default
        .WithIgnoreUnknownFields(true)
        .WithTypeRegistry(TypeRegistry.FromFiles(ErrorDetailsReflection.Descriptor)));

    /// <summary>Reads an answer.</summary>
    /// <param name="http">Its HTTP status.</param>
    /// <param name="body">Its body; one that is no such error is the page of a proxy, or of a front end.</param>
    /// <returns>The exception, with the message and all details.</returns>
    public static RpcException Read(int http, string body)
    {
        var error = ErrorOf(body);
        var status = new Rpc.Status
        {
            Code = (int)(CodeOf(TextOf(error, "status")) ?? CodeOf(http)),
            Message = TextOf(error, "message") ?? string.Create(
                CultureInfo.InvariantCulture,
                $"HTTP status {http}: {(body.Length > MostWords ? body[..MostWords] : body).Trim()}"),
        };
        foreach (var detail in (error?["details"] as JsonArray ?? []).OfType<JsonObject>())
        {
            status.Details.Add(DetailOf(detail));
        }

        return status.ToRpcException();
    }

    private static JsonObject? ErrorOf(string body)
    {
        try
        {
            return (JsonNode.Parse(body) as JsonObject)?["error"] as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? TextOf(JsonObject? error, string name) =>
        error?[name] is JsonValue value && value.TryGetValue(out string? text) && text.Length > 0 ? text : null;

    /// <summary>Reads a name: PERMISSION_DENIED is PermissionDenied.</summary>
    private static Code? CodeOf(string? name) =>
        name is not null
        && System.Enum.TryParse<Code>(name.Replace("_", "", StringComparison.Ordinal), true, out var code)
        && System.Enum.IsDefined(code) && code != Code.Ok ? code : null;

    private static Code CodeOf(int http) => http switch
    {
        400 => Code.InvalidArgument,
        401 => Code.Unauthenticated,
        403 => Code.PermissionDenied,
        404 => Code.Unimplemented,
        429 or >= 500 => Code.Unavailable,
        _ => Code.Unknown,
    };

    /// <summary>Reads a detail; one of an unknown type is kept as a <see cref="Struct"/>.</summary>
    private static Any DetailOf(JsonObject detail)
    {
        var json = detail.ToJsonString();
        try
        {
            return Details.Parse<Any>(json);
        }
        catch (Exception exception) when (exception is InvalidProtocolBufferException or InvalidOperationException)
        {
            return Any.Pack(Details.Parse<Struct>(json));
        }
    }
}
