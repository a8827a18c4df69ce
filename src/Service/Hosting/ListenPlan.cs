using System.Net;
using System.Net.Sockets;
using Workflows.Service.Access;

namespace Workflows.Service.Hosting;

/// <summary>
/// The addresses of the HTTP API, from wherever they are named: <c>--urls</c>, <c>ASPNETCORE_URLS</c>,
/// <c>ASPNETCORE_HTTP_PORTS</c>, <c>ASPNETCORE_HTTPS_PORTS</c> or appsettings.json. <b>Invariant:</b> the API is
/// reachable from other machines only with authentication, and with TLS or declared proxies. The other ports are never
/// opened by these addresses.
/// </summary>
/// <param name="Source">The setting that names them; null if none does.</param>
/// <param name="Text">Its value.</param>
/// <param name="Port">The port; null if none is named.</param>
/// <param name="Addresses">The addresses besides 127.0.0.1, where it always listens.</param>
internal sealed record ListenPlan(string? Source, string Text, int? Port, IReadOnlyList<IPAddress> Addresses)
{
    /// <summary>A service that listens on loopback, on the port of its settings.</summary>
    public static ListenPlan Loopback { get; } = new(null, "", null, []);

    /// <summary>Gets a value indicating whether other machines may reach the API.</summary>
    public bool IsOpen => Addresses.Any(address => !IPAddress.IsLoopback(address));

    /// <summary>Gets a value indicating whether it listens on every interface.</summary>
    public bool IsEverywhere => Addresses.Any(IsAny);

    /// <summary>Reads the addresses.</summary>
    /// <param name="configuration">The configuration of the host.</param>
    /// <param name="args">The command line, for the name of the setting.</param>
    /// <param name="settings">The service's settings.</param>
    /// <exception cref="ServiceStartException">
    /// An address cannot be used, or would let other machines in without authentication or in plain text.
    /// </exception>
    public static ListenPlan Of(IConfiguration configuration, string[] args, ServiceSettings settings)
    {
        RefuseEndpoints(configuration);
        var (source, urls) = Named(configuration, args);
        if (source is null)
        {
            return Loopback;
        }

        var addresses = new List<IPAddress>();
        var ports = new List<int>();
        foreach (var url in urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var address = Parse(source, url);
            if (Is(address, Uri.UriSchemeHttps) && settings.Access.Certificate is null)
            {
                throw new ServiceStartException(
                    $"{source} has '{url}', and there is no certificate. Set Workflows:Access:Certificate and "
                    + "Workflows:Access:CertificateKey to PEM files, or use http://.");
            }

            ports.Add(address.Port);
            addresses.AddRange(Resolve(source, url, address.Host));
        }

        if (ports.Distinct().Skip(1).Any())
        {
            throw new ServiceStartException(
                $"{source} has addresses on the ports {string.Join(" and ", ports.Distinct())}, and the HTTP API has "
                + "one. Use the same port in all of them, or leave the others out.");
        }

        var plan = new ListenPlan(
            source, urls, ports.Count > 0 ? ports[0] : null,
            [.. addresses.Where(address => !address.Equals(IPAddress.Loopback)).Distinct()]);
        plan.Require(settings);
        return plan;
    }

    /// <summary>Refuses endpoints of Kestrel's own settings, which nothing here would check.</summary>
    /// <param name="configuration">The configuration of the host.</param>
    /// <exception cref="ServiceStartException">It has such an endpoint.</exception>
    public static void RefuseEndpoints(IConfiguration configuration)
    {
        if (configuration.GetSection("Kestrel:Endpoints").GetChildren().FirstOrDefault() is { } endpoint)
        {
            throw new ServiceStartException(
                $"The setting '{endpoint.Path}' would open a port without the checks of the service. Leave it out, and "
                + "name the address with --urls; Workflows:Access:Certificate gives it TLS.");
        }
    }

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private void Require(ServiceSettings settings)
    {
        if (!IsOpen)
        {
            return;
        }

        var port = settings.HttpPort ?? Port;
        var what = $"The HTTP API's port {port} would be open to other machines, by {Source} '{Text}', ";
        if (!settings.Access.Authentication)
        {
            throw new ServiceStartException(
                $"{what}without authentication. Set Workflows:Access:Authentication to true and make a key with "
                + "'workflows keys make NAME --role admin', or listen on this machine only: --urls "
                + $"http://127.0.0.1:{port}.");
        }

        if (settings.Access.Certificate is null && ProxyList.Parse(settings.Access.Proxies).Count == 0)
        {
            throw new ServiceStartException(
                $"{what}without TLS. Set Workflows:Access:Certificate and Workflows:Access:CertificateKey to PEM "
                + "files; or, behind a proxy that terminates TLS, Workflows:Access:Proxies to its address; or listen "
                + $"on this machine only: --urls http://127.0.0.1:{port}.");
        }
    }

    /// <summary>Finds the setting that names the addresses; the first of these counts, as in ASP.NET Core.</summary>
    private static (string? Source, string Urls) Named(IConfiguration configuration, string[] args)
    {
        if (configuration[WebHostDefaults.ServerUrlsKey] is { Length: > 0 } urls)
        {
            return (SourceOf(WebHostDefaults.ServerUrlsKey, args), urls);
        }

        var named = new[] { (WebHostDefaults.HttpPortsKey, "http"), (WebHostDefaults.HttpsPortsKey, "https") }
            .Where(each => !string.IsNullOrWhiteSpace(configuration[each.Item1])).ToList();
        return named.Count == 0 ? (null, "") : (
            string.Join(" and ", named.Select(each => SourceOf(each.Item1, args))),
            string.Join(';', named.SelectMany(each => configuration[each.Item1]!
                .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(port => $"{each.Item2}://*:{port}"))));
    }

    private static string SourceOf(string key, string[] args) =>
        Array.Exists(args, arg => arg.TrimStart('-', '/').StartsWith(key, StringComparison.OrdinalIgnoreCase))
            ? $"--{key}"
            : new[] { "ASPNETCORE_", "DOTNET_", "" }.Select(prefix => $"{prefix}{key.ToUpperInvariant()}")
                .FirstOrDefault(name => Environment.GetEnvironmentVariable(name) is { Length: > 0 })
                ?? $"the setting '{key}'";

    private static bool Is(BindingAddress address, string scheme) =>
        address.Scheme.Equals(scheme, StringComparison.OrdinalIgnoreCase);

    private static BindingAddress Parse(string source, string url)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            return address is { IsUnixPipe: false, IsNamedPipe: false, PathBase: "", Port: >= 0 and <= 65535 }
                && (Is(address, Uri.UriSchemeHttp) || Is(address, Uri.UriSchemeHttps))
                ? address
                : throw new FormatException("it is no address of a port");
        }
        catch (FormatException exception)
        {
            throw new ServiceStartException(
                $"{source} has '{url}', which cannot be used: {exception.Message.TrimEnd('.')}. Use an address such as "
                + "http://127.0.0.1:8080.", exception);
        }
    }

    /// <summary>Returns the addresses of a host. ASP.NET Core would take every name other than localhost for all
    /// interfaces.</summary>
    private static IPAddress[] Resolve(string source, string url, string host)
    {
        if (host is "*" or "+")
        {
            return [IPAddress.IPv6Any];
        }

        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            return [IPAddress.Loopback];
        }

        if (IPAddress.TryParse(host.Trim('[', ']'), out var given))
        {
            return [given.IsIPv4MappedToIPv6 ? given.MapToIPv4() : given];
        }

        try
        {
            return Dns.GetHostAddresses(host) is { Length: > 0 } found
                ? found
                : throw new SocketException((int)SocketError.HostNotFound);
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            throw new ServiceStartException(
                $"{source} has '{url}', and the host '{host}' cannot be resolved: {exception.Message} Use an address, "
                + "or * for all interfaces.", exception);
        }
    }
}
