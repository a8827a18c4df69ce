using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Workflows.Activities.Reporting;
using Workflows.Service.Access;

namespace Workflows.Service.Dashboard;

/// <summary>
/// Serves the dashboard: one page, and the scripts and styles that it needs, all from this assembly. The page asks the
/// API that everybody can ask, and no other host.
/// </summary>
internal static class DashboardEndpoints
{
    private const string Prefix = "Workflows.Service.Dashboard.";

    private const string StyleSheet = "dashboard.css";

    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly FrozenDictionary<string, Asset> Assets = typeof(DashboardEndpoints).Assembly
        .GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
        .Select(name => (Name: name[Prefix.Length..], Asset: Read(name)))
        .Append(("faults.js", Of(".js", [
            .. "// Codes in Korean, by code; their messages are English.\nexport const faults = "u8,
            .. FaultWords.KoreanJson(), .. ";\n"u8])))
        .ToFrozenDictionary(each => each.Item1, each => each.Item2, StringComparer.Ordinal);

    public static void MapDashboard(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", (HttpContext context) => context.User.Has(AccessRole.Reader)
            ? (IResult)Send(context, Assets["index.html"])
            : new SignInPage(SignInPage.Problem.None)).AllowAnonymous();
        foreach (var (name, asset) in Assets)
        {
            var endpoint = routes.MapGet($"/dashboard/{name}", (HttpContext context) => Send(context, asset));
            if (name == StyleSheet)
            {
                // The sign-in page has it, too.
                endpoint.AllowAnonymous();
            }
        }
    }

    /// <summary>Adds the headers of every page: nothing of it runs or is framed elsewhere.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="policy">The content security policy.</param>
    public static void Harden(HttpResponse response, string policy)
    {
        response.Headers.ContentSecurityPolicy = policy;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "no-referrer";
    }

    private static FileContentHttpResult Send(HttpContext context, Asset asset)
    {
        Harden(context.Response, Policy);
        context.Response.Headers.CacheControl = "no-cache";
        return TypedResults.Bytes(asset.Bytes, asset.Type, entityTag: asset.Tag);
    }

    private static Asset Read(string resource)
    {
        using var stream = typeof(DashboardEndpoints).Assembly.GetManifestResourceStream(resource)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return Of(Path.GetExtension(resource), bytes);
    }

    private static Asset Of(string extension, byte[] bytes) => new(
        bytes,
        extension switch
        {
            ".html" => "text/html; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            var other => throw new InvalidOperationException($"The dashboard has no files of the kind '{other}'."),
        },
        new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))[..20]}\""));

    private sealed record Asset(byte[] Bytes, string Type, EntityTagHeaderValue Tag);
}
