using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Workflows.Service.Runs;

/// <summary>
/// Adds an entity tag to answers of JSON, and answers 304 without a body to a caller that has this content already
/// (RFC 9110, sections 8.8.3 and 13.1.2). The tag is the hash of the content: it outlives restarts.
/// </summary>
internal sealed class EntityTags(IOptions<JsonOptions> json) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var result = await next(context);
        var status = (result as IStatusCodeHttpResult)?.StatusCode;
        if (result is not IValueHttpResult { Value: { } value }
            || status is not (StatusCodes.Status200OK or StatusCodes.Status202Accepted))
        {
            return result;
        }

        var content = JsonSerializer.SerializeToUtf8Bytes(value, value.GetType(), json.Value.SerializerOptions);
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..20]}\"");
        var response = context.HttpContext.Response;
        response.GetTypedHeaders().ETag = tag;
        if (context.HttpContext.Request.GetTypedHeaders().IfNoneMatch.Any(
            known => known.Equals(EntityTagHeaderValue.Any) || known.Compare(tag, useStrongComparison: false)))
        {
            return TypedResults.StatusCode(StatusCodes.Status304NotModified);
        }

        if (status == StatusCodes.Status202Accepted)
        {
            response.Headers.Location = context.HttpContext.Request.Path.Value;
        }

        return TypedResults.Text(content, "application/json; charset=utf-8", status);
    }
}
