using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Rpc;

namespace Workflows.GoogleCloud.TpuEmulator.Api;

/// <summary>
/// Puts REST errors into the envelope of Google's front end, <c>{"error": {code, message, status, details}}</c>, which
/// gcloud reads; transcoding writes a bare status.
/// </summary>
internal static class ErrorEnvelope
{
    private static readonly PathString[] Roots = ["/v2", "/v1", "/v2alpha1"];

    public static async Task WrapAsync(HttpContext context, RequestDelegate next)
    {
        if (!Roots.Any(root => context.Request.Path.StartsWithSegments(root)))
        {
            await next(context);
            return;
        }

        var outside = context.Response.Body;
        using var inside = new MemoryStream();
        context.Response.Body = inside;
        try
        {
            await next(context);
        }
        finally
        {
            context.Response.Body = outside;
        }

        var body = inside.ToArray();
        if (context.Response.StatusCode >= 400)
        {
            body = Wrapped(context.Response.StatusCode, body);
            context.Response.ContentType = "application/json; charset=utf-8";
            context.Response.ContentLength = body.Length;
        }

        await outside.WriteAsync(body, context.RequestAborted);
    }

    private static byte[] Wrapped(int http, byte[] body)
    {
        JsonObject status;
        try
        {
            status = body.Length == 0 ? [] : JsonNode.Parse(body) as JsonObject ?? [];
        }
        catch (JsonException)
        {
            status = [];
        }

        var code = status["code"]?.GetValue<int>() ?? (int)(http switch
        {
            404 => Code.NotFound,
            400 or 415 => Code.InvalidArgument,
            405 => Code.Unimplemented,
            _ => Code.Unknown,
        });
        var error = new JsonObject
        {
            ["code"] = http,
            ["message"] = status["message"]?.GetValue<string>()
                ?? (http == 404 ? "Not found." : $"The request failed with HTTP status {http}."),
            ["status"] = NameOf((Code)code),
        };
        if (status["details"] is JsonArray { Count: > 0 } details)
        {
            error["details"] = details.DeepClone();
        }

        return JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["error"] = error });
    }

    /// <summary>Converts a name: PermissionDenied becomes PERMISSION_DENIED.</summary>
    private static string NameOf(Code code) => string.Concat(code.ToString().Select((letter, index) =>
        index > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{char.ToUpperInvariant(letter)}"));
}
