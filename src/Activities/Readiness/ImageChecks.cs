using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Workflows.Activities.Readiness;

/// <summary>
/// Checks whether a registry has the worker's image, by the API of the OCI distribution specification.
/// </summary>
internal static class ImageChecks
{
    private const string Check = "image", Setting = "Workflows:WorkerImage";

    /// <summary>Checks the form of the name.</summary>
    public static ReadinessLine OfName(string image) => Parse(image) is null
        ? ReadinessLine.Fail(
            Check, $"{Setting} is '{image}', which names no registry: no TPU VM can pull it.",
            "Push what infra/worker.Dockerfile builds to terraform's output registry, and set "
            + $"{Setting} to REGISTRY/workflows-worker:TAG.")
        : ReadinessLine.Ok(Check, $"{Setting} is '{image}'.");

    /// <summary>Asks the registry for the image.</summary>
    /// <param name="image">HOST/PATH:TAG or HOST/PATH@DIGEST.</param>
    /// <param name="google">Provides a token, which is sent to Google's registries only.</param>
    /// <param name="cancellation">Cancels the call.</param>
    public static async Task<ReadinessLine> AskAsync(
        string image, GoogleRest google, CancellationToken cancellation)
    {
        if (Parse(image) is not var (host, path, tag))
        {
            return OfName(image);
        }

        // Docker, too, uses no TLS for a registry on this machine.
        var root = new Uri($"{(IsLocal(host) ? "http" : "https")}://{host}");
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        AuthenticationHeaderValue? authorization = null;
        if (IsGoogles(host) && await google.BearerAsync(cancellation) is { } bearer)
        {
            authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(
                Encoding.UTF8.GetBytes($"oauth2accesstoken:{bearer["Bearer ".Length..]}")));
        }

        var address = new Uri(root, $"/v2/{path}/manifests/{tag}");
        var (status, challenge) = await HeadAsync(http, address, authorization, cancellation);
        if (status == HttpStatusCode.Unauthorized && authorization is null
            && await TokenAsync(http, challenge, path, cancellation) is { } token)
        {
            (status, _) = await HeadAsync(
                http, address, new AuthenticationHeaderValue("Bearer", token), cancellation);
        }

        return status switch
        {
            HttpStatusCode.OK => ReadinessLine.Ok(Check, $"{host} has '{image}'."),
            HttpStatusCode.NotFound => ReadinessLine.Fail(
                Check, $"{host} has no '{path}:{tag}'.", $"docker push {image}"),
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ReadinessLine.Warn(
                Check, $"{host} does not show '{image}' to this program ({(int)status}).",
                "Grant roles/artifactregistry.reader to the worker's account, and look with: docker pull " + image),
            _ => ReadinessLine.Warn(Check, $"{host} answered {(int)status} for '{image}'.", $"docker pull {image}"),
        };
    }

    private static async Task<(HttpStatusCode Status, AuthenticationHeaderValue? Challenge)> HeadAsync(
        HttpClient http, Uri address, AuthenticationHeaderValue? authorization, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, address);
        foreach (var type in new[]
        {
            "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        })
        {
            request.Headers.Accept.ParseAdd(type);
        }

        request.Headers.Authorization = authorization;
        using var answer = await http.SendAsync(request, cancellation);
        return (answer.StatusCode, answer.Headers.WwwAuthenticate.FirstOrDefault());
    }

    /// <summary>Gets an anonymous token, which registries require even for public images.</summary>
    private static async Task<string?> TokenAsync(
        HttpClient http, AuthenticationHeaderValue? challenge, string path, CancellationToken cancellation)
    {
        var parts = (challenge?.Parameter ?? "").Split(',').Select(part => part.Trim().Split('=', 2))
            .Where(part => part.Length == 2)
            .ToDictionary(part => part[0], part => part[1].Trim('"'), StringComparer.Ordinal);
        if (challenge?.Scheme != "Bearer" || !parts.TryGetValue("realm", out var realm)
            || !Uri.TryCreate(realm, UriKind.Absolute, out var address))
        {
            return null;
        }

        using var answer = await http.GetAsync(
            new Uri(address, $"?service={Uri.EscapeDataString(parts.GetValueOrDefault("service", ""))}"
                + $"&scope={Uri.EscapeDataString($"repository:{path}:pull")}"), cancellation);
        try
        {
            return answer.IsSuccessStatusCode
                ? new GoogleAnswer(200, JsonElement.Parse(await answer.Content.ReadAsStringAsync(cancellation)))
                    .Text("token")
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Parses a name as Docker does: its first part is a host if it has a dot or a port, or is
    /// localhost.</summary>
    private static (string Host, string Path, string Tag)? Parse(string image)
    {
        var slash = image.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0 || image[..slash] is var host
            && host.IndexOfAny(['.', ':']) < 0 && host != "localhost")
        {
            return null;
        }

        var rest = image[(slash + 1)..];
        var at = rest.IndexOf('@', StringComparison.Ordinal);
        if (at > 0)
        {
            return (image[..slash], rest[..at], rest[(at + 1)..]);
        }

        var colon = rest.LastIndexOf(':');
        return colon > 0 ? (image[..slash], rest[..colon], rest[(colon + 1)..]) : (image[..slash], rest, "latest");
    }

    private static bool IsLocal(string host) => host.Split(':')[0] is "localhost" or "127.0.0.1";

    private static bool IsGoogles(string host) => host == "gcr.io"
        || host.EndsWith(".gcr.io", StringComparison.Ordinal)
        || host.EndsWith("-docker.pkg.dev", StringComparison.Ordinal);
}
