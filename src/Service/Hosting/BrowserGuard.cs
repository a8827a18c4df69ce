using System.Net;
using Workflows.Service.Runs;

namespace Workflows.Service.Hosting;

/// <summary>
/// Refuses what a page of another site makes a browser send. The API on this machine trusts who reaches it, and every
/// page that its user opens reaches it too: with a form or a fetch (cross-site request forgery), or under a name of its
/// own that it lets point here (DNS rebinding).
/// </summary>
internal static class BrowserGuard
{
    /// <summary>Checks each request, on every port but the gateway's, which has a guard of its own.</summary>
    /// <param name="application">The application.</param>
    /// <param name="gatewayPort">The port for workers on VMs; null for none.</param>
    /// <param name="openPort">The API's port if it is reached from beyond this machine, under names that are not known
    /// here; null if it is not.</param>
    public static void UseBrowserGuard(this WebApplication application, int? gatewayPort, int? openPort) =>
        application.Use((context, next) => context.Connection.LocalPort != gatewayPort
            && Refusal(context.Request, context.Connection.LocalPort == openPort) is { } refusal
                ? refusal.ExecuteAsync(context)
                : next(context));

    private static IResult? Refusal(HttpRequest request, bool isOpen)
    {
        if (!isOpen && !IsOfThisMachine(request.Host.Host))
        {
            return Problems.Of(
                StatusCodes.Status421MisdirectedRequest, "HOST_UNKNOWN",
                "This service is reached at localhost or 127.0.0.1 only, and not as "
                + $"'{SafeText.Of(request.Host.Host)}'. Behind a proxy, let it send one of them as the Host header.");
        }

        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method)
            || HttpMethods.IsOptions(request.Method) || IsOfThisSite(request))
        {
            return null;
        }

        return Problems.Of(
            StatusCodes.Status403Forbidden, "CROSS_ORIGIN",
            $"A page of '{SafeText.Of(request.Headers.Origin.ToString(), 200)}' sent this. Only pages of this service "
            + "may change anything; programs send no Origin header.");
    }

    /// <summary>Returns whether a request comes from a page of this service for certain: its browser says so.</summary>
    public static bool IsProvedOfThisSite(HttpRequest request) =>
        request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site ? site == "same-origin"
            : request.Headers.Origin.ToString().Length > 0 && IsOfThisSite(request);

    /// <summary>Programs other than browsers send neither header, and are no danger here.</summary>
    private static bool IsOfThisSite(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"].ToString();
        var origin = request.Headers.Origin.ToString();
        return site.Length > 0
            ? site is "same-origin" or "none"
            : origin.Length == 0 || (Uri.TryCreate(origin, UriKind.Absolute, out var address)
                && address.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase));
    }

    private static bool IsOfThisMachine(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
