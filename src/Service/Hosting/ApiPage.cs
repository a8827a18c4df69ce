using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using Workflows.Service.Dashboard;

namespace Workflows.Service.Hosting;

/// <summary>
/// Serves GET /api: the description of the API as a page, made once from the same document as <c>/openapi.json</c>. It
/// needs no script and no other host.
/// </summary>
internal sealed class ApiPage(IServiceProvider services) : IDisposable
{
    private const string Policy =
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'";

    private readonly SemaphoreSlim _one = new(1);
    private (byte[] Page, EntityTagHeaderValue Tag)? _made;

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet(
        "/api", async (ApiPage page, HttpContext context) =>
        {
            DashboardEndpoints.Harden(context.Response, Policy);
            context.Response.Headers.CacheControl = "no-cache";
            var (bytes, tag) = await page.MakeAsync(context.RequestAborted);
            return TypedResults.Bytes(bytes, "text/html; charset=utf-8", entityTag: tag);
        });

    /// <summary>Writes the page of a document.</summary>
    /// <param name="json">An OpenAPI document.</param>
    internal static string HtmlOf(string json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        var operations = root.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject()
                .Select(each => (Method: each.Name.ToUpperInvariant(), Path: path.Name, each.Value)))
            .ToList();
        var text = new StringBuilder($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
              <meta charset="utf-8">
              <meta name="viewport" content="width=device-width, initial-scale=1">
              <meta name="color-scheme" content="light dark">
              <title>Workflows: API</title>
              <link rel="icon" href="data:,">
              <link rel="stylesheet" href="/dashboard/dashboard.css">
            </head>
            <body>
              <a class="skip" href="#main">Skip to content</a>
              <header><a class="brand" href="/">Workflows</a>
                <nav aria-label="Pages"><a href="/api" aria-current="page">API</a>
                <a href="/openapi.json">OpenAPI document</a></nav></header>
              <main id="main" tabindex="-1">
                <h1>API</h1>
                <p class="soft">{Of(Text(root.GetProperty("info"), "description"))}</p>
                <section aria-labelledby="operations"><h2 id="operations">Operations</h2><div class="wide"><table>
                  <thead><tr><th scope="col">Call</th><th scope="col">Effect</th></tr></thead><tbody>

            """);
        foreach (var (method, path, operation) in operations)
        {
            text.Append(CultureInfo.InvariantCulture, $"""
                <tr><td><a href="#{Of(Text(operation, "operationId"))}"><code>{method} {Of(path)}</code></a></td>
                <td>{Of(Text(operation, "summary"))}</td></tr>

                """);
        }

        text.Append("</tbody></table></div></section>\n");
        foreach (var (method, path, operation) in operations)
        {
            AddOperation(text, method, path, operation);
        }

        text.Append("<h2 id=\"schemas\">Schemas</h2>\n");
        foreach (var schema in root.GetProperty("components").GetProperty("schemas").EnumerateObject())
        {
            AddSchema(text, schema.Name, schema.Value);
        }

        return text.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static void AddOperation(StringBuilder text, string method, string path, JsonElement operation)
    {
        text.Append(CultureInfo.InvariantCulture, $"""
            <section aria-labelledby="{Of(Text(operation, "operationId"))}">
            <h2 id="{Of(Text(operation, "operationId"))}"><code>{method} {Of(path)}</code></h2>
            <p>{Of(Text(operation, "summary"))} {Code(Text(operation, "description"))}</p>

            """);
        if (operation.TryGetProperty("parameters", out var parameters) && parameters.GetArrayLength() > 0)
        {
            text.Append("<div class=\"wide\"><table><thead><tr><th scope=\"col\">Parameter</th>"
                + "<th scope=\"col\">In</th>"
                + "<th scope=\"col\">Type</th><th scope=\"col\">Meaning</th></tr></thead><tbody>\n");
            foreach (var each in parameters.EnumerateArray())
            {
                text.Append(CultureInfo.InvariantCulture, $"""
                    <tr><td><code>{Of(Text(each, "name"))}</code></td><td>{Of(Text(each, "in"))}</td>
                    <td>{TypeOf(each)}</td><td>{Of(Text(each, "description"))}</td></tr>

                    """);
            }

            text.Append("</tbody></table></div>\n");
        }

        if (operation.TryGetProperty("requestBody", out var body))
        {
            text.Append(CultureInfo.InvariantCulture, $"<p>Body: {ContentOf(body)}</p>\n");
        }

        text.Append("<div class=\"wide\"><table><thead><tr><th scope=\"col\">Status</th><th scope=\"col\">Meaning</th>"
            + "<th scope=\"col\">Body</th></tr></thead><tbody>\n");
        foreach (var each in operation.GetProperty("responses").EnumerateObject().OrderBy(
            each => each.Name, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"""
                <tr><td>{Of(each.Name)}</td><td>{Of(Text(each.Value, "description"))}</td>
                <td>{ContentOf(each.Value)}</td></tr>

                """);
        }

        text.Append("</tbody></table></div>\n</section>\n");
    }

    private static void AddSchema(StringBuilder text, string name, JsonElement schema)
    {
        text.Append(CultureInfo.InvariantCulture, $"""
            <section aria-labelledby="schema-{Of(name)}"><h2 id="schema-{Of(name)}">{Of(name)}</h2>

            """);
        if (!schema.TryGetProperty("properties", out var properties))
        {
            text.Append(CultureInfo.InvariantCulture, $"<p>{OfSchema(schema)}</p></section>\n");
            return;
        }

        text.Append("<div class=\"wide\"><table><thead><tr><th scope=\"col\">Field</th><th scope=\"col\">Type</th>"
            + "</tr></thead><tbody>\n");
        foreach (var each in properties.EnumerateObject())
        {
            text.Append(CultureInfo.InvariantCulture, $"""
                <tr><td><code>{Of(each.Name)}</code></td><td>{OfSchema(each.Value)}</td></tr>

                """);
        }

        text.Append("</tbody></table></div></section>\n");
    }

    private static string ContentOf(JsonElement holder) => holder.TryGetProperty("content", out var content)
        ? string.Join("<br>", content.EnumerateObject().Select(each => $"{Of(each.Name)} {TypeOf(each.Value)}"))
        : "none";

    private static string TypeOf(JsonElement holder) =>
        holder.TryGetProperty("schema", out var schema) ? OfSchema(schema) : "";

    private static string OfSchema(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return "any";
        }

        if (schema.TryGetProperty("$ref", out var reference))
        {
            var name = reference.GetString()!.Split('/')[^1];
            return $"<a href=\"#schema-{Of(name)}\">{Of(name)}</a>";
        }

        foreach (var several in new[] { "oneOf", "anyOf" })
        {
            if (schema.TryGetProperty(several, out var parts))
            {
                return string.Join(" or ", parts.EnumerateArray().Select(OfSchema));
            }
        }

        if (schema.TryGetProperty("enum", out var values))
        {
            return string.Join(", ", values.EnumerateArray().Select(each => $"<code>{Of(each.ToString())}</code>"));
        }

        if (schema.TryGetProperty("items", out var items))
        {
            return $"list of {OfSchema(items)}";
        }

        if (schema.TryGetProperty("additionalProperties", out var of) && of.ValueKind == JsonValueKind.Object)
        {
            return $"map to {OfSchema(of)}";
        }

        var type = !schema.TryGetProperty("type", out var types) ? "any"
            : types.ValueKind == JsonValueKind.Array
            ? string.Join(" or ", types.EnumerateArray().Select(each => each.GetString())) : types.GetString();
        return Of(Text(schema, "format") is { Length: > 0 } format ? $"{type} ({format})" : type ?? "any");
    }

    public void Dispose() => _one.Dispose();

    private async Task<(byte[] Page, EntityTagHeaderValue Tag)> MakeAsync(CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            if (_made is not { } made)
            {
                var document = await services.GetRequiredKeyedService<IOpenApiDocumentProvider>(ApiDocument.Name)
                    .GetOpenApiDocumentAsync(cancellation);
                var page = Encoding.UTF8.GetBytes(HtmlOf(
                    await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, cancellation)));
                _made = made = (page, new EntityTagHeaderValue(
                    $"\"{Convert.ToHexStringLower(SHA256.HashData(page))[..20]}\""));
            }

            return made;
        }
        finally
        {
            _one.Release();
        }
    }

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()! : "";

    /// <summary>Shows words between backticks as code.</summary>
    private static string Code(string text) => string.Concat(text.Split('`').Select(
        (part, at) => at % 2 == 1 ? $"<code>{Of(part)}</code>" : Of(part)));

    private static string Of(string text) => WebUtility.HtmlEncode(text);
}
