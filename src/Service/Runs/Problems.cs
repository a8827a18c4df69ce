using Microsoft.AspNetCore.Diagnostics;

namespace Workflows.Service.Runs;

/// <summary>Errors as problem+json (RFC 9457) with a stable code.</summary>
internal static class Problems
{
    public static IResult Of(int status, string code, string detail, IReadOnlyList<FieldError>? errors = null)
    {
        var more = new Dictionary<string, object?> { ["code"] = code };
        if (errors is not null)
        {
            more["errors"] = errors;
        }

        return TypedResults.Problem(
            detail, statusCode: status, type: $"urn:workflows:error:{code.ToLowerInvariant()}",
            extensions: more);
    }

    /// <summary>Converts an exception of a handler into a problem.</summary>
    public static async Task HandleAsync(HttpContext context)
    {
        var exception = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        var result = exception switch
        {
            RunRequestException wrong => Of(
                StatusCodes.Status400BadRequest, "REQUEST_INVALID", wrong.Message, wrong.Errors),
            BadHttpRequestException bad => Of(bad.StatusCode, "REQUEST_UNREADABLE", bad.Message),
            Grpc.Core.RpcException => Of(
                StatusCodes.Status503ServiceUnavailable, "ENGINE_UNAVAILABLE",
                "The Durable Task backend does not answer; try again shortly."),
            _ => Of(
                StatusCodes.Status500InternalServerError, "INTERNAL", "Something went wrong; see the service's log."),
        };
        await result.ExecuteAsync(context);
    }
}
