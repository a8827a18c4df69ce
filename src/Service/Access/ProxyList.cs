using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;
using IPNetwork = System.Net.IPNetwork;

namespace Workflows.Service.Access;

/// <summary>The proxies in front of the API: they may connect in plain text, and their forwarded headers count.
/// </summary>
internal static class ProxyList
{
    /// <summary>Reads the setting.</summary>
    /// <exception cref="ServiceStartException">A part of it is no address or network.</exception>
    public static IReadOnlyList<IPNetwork> Parse(string? text) =>
    [
        .. (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(
            part => IPNetwork.TryParse(part, out var network)
                ? network
                : IPAddress.TryParse(part, out var address)
                ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
                : throw new ServiceStartException(
                    $"The setting 'Workflows:Access:Proxies' has '{part}', which is no address or network: use such as "
                    + "10.0.0.5 or 172.16.0.0/12, with commas between them.")),
    ];

    /// <summary>Refuses connections past the proxies, and believes what the proxies forward.</summary>
    /// <param name="application">The application.</param>
    /// <param name="settings">Its settings.</param>
    /// <param name="apiPort">The API's port; the others are on loopback.</param>
    public static void UseProxies(this WebApplication application, ServiceSettings settings, int apiPort)
    {
        var proxies = Parse(settings.Access.Proxies);
        if (proxies.Count == 0)
        {
            return;
        }

        if (settings.Access.Certificate is null)
        {
            application.Use((context, next) => context.Connection.LocalPort == apiPort
                && !IsAllowed(context.Connection.RemoteIpAddress, proxies)
                    ? Problems.Of(
                        StatusCodes.Status403Forbidden, "PROXY_ONLY",
                        "This port takes plain text from this machine and from its proxies only: "
                        + "Workflows:Access:Proxies.").ExecuteAsync(context)
                    : next(context));
        }

        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto
                | ForwardedHeaders.XForwardedHost,
        };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var proxy in proxies)
        {
            options.KnownIPNetworks.Add(proxy);
        }

        // On the other ports a page of another site could forge the Host header by them.
        application.UseWhen(
            context => context.Connection.LocalPort == apiPort, branch => branch.UseForwardedHeaders(options));
    }

    private static bool IsAllowed(IPAddress? address, IReadOnlyList<IPNetwork> proxies)
    {
        var plain = address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
        return plain is not null && (IPAddress.IsLoopback(plain) || proxies.Any(each => each.Contains(plain)));
    }
}
