using System.Net;

namespace Workflows.TpuWorker.Host;

/// <summary>The identity of this worker.</summary>
/// <param name="RunId">The run.</param>
/// <param name="NodeName">Full resource name of this node.</param>
/// <param name="Gateways">The addresses to connect to: the next one is tried when one does not answer.</param>
/// <param name="Secret">The node's one-time secret.</param>
/// <param name="Certificate">
/// SHA-256 of the gateway's only accepted certificate, in lower-case hexadecimal; null for those that the system
/// trusts.
/// </param>
internal sealed record WorkerIdentity(
    string RunId, string NodeName, IReadOnlyList<Uri> Gateways, string Secret, string? Certificate = null)
{
    public WorkerIdentity(string runId, string nodeName, Uri gateway, string secret)
        : this(runId, nodeName, [gateway], secret)
    {
    }
}

/// <summary>Reads the VM's metadata server, as on Compute Engine.</summary>
/// <param name="host">Host and port; null for Google's own name.</param>
internal sealed class MetadataServer(string? host) : IDisposable
{
    private const string AttributeFolder = "instance/attributes/";

    private readonly HttpClient _http = new()
    {
        BaseAddress = new Uri($"http://{host ?? "metadata.google.internal"}/computeMetadata/v1/"),
        DefaultRequestHeaders = { { "Metadata-Flavor", "Google" } },
        Timeout = TimeSpan.FromSeconds(10),
    };

    /// <summary>Reads the identity that the service wrote into the node's metadata.</summary>
    public async Task<WorkerIdentity> ReadIdentityAsync(CancellationToken cancellation)
    {
        var gateways = await AttributeAsync("workflows-gateway", cancellation);
        var addresses = gateways.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(AddressOf).ToList();
        if (addresses.Count == 0)
        {
            throw new WorkerStartException("Metadata 'workflows-gateway' is empty.");
        }

        return new WorkerIdentity(
            await AttributeAsync("workflows-run", cancellation),
            await AttributeAsync("workflows-node", cancellation),
            addresses,
            await AttributeAsync("workflows-secret", cancellation),
            await FindAttributeAsync("workflows-gateway-sha256", cancellation));
    }

    private static Uri AddressOf(string gateway) =>
        !Uri.TryCreate(gateway, UriKind.Absolute, out var address)
            ? throw new WorkerStartException(
                $"Metadata 'workflows-gateway' is '{gateway}', which is not an address.")
        : !address.IsLoopback && address.Scheme != Uri.UriSchemeHttps
            ? throw new WorkerStartException(
                $"Metadata 'workflows-gateway' is '{gateway}': the node's secret is not sent in plain text. Set the "
                + "service's Workflows:GatewayAddress to an address with https.")
        : address;

    /// <summary>Publishes a guest attribute, readable through the TPU API; best effort.</summary>
    /// <returns>true if the metadata server accepted it.</returns>
    public async Task<bool> TryPublishAsync(string key, string value)
    {
        try
        {
            using var content = new StringContent(value);
            using var answer = await _http.PutAsync(
                new Uri($"instance/guest-attributes/workflows/{key}", UriKind.Relative), content);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            // Guest attributes are disabled in many projects; the gateway receives the progress in any case.
            return false;
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<string> AttributeAsync(string name, CancellationToken cancellation) =>
        await FindAttributeAsync(name, cancellation) ?? throw new WorkerStartException(
            $"This VM's metadata has no '{name}': it was not made by the workflow service.");

    private async Task<string?> FindAttributeAsync(string name, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                using var answer = await _http.GetAsync(
                    new Uri(AttributeFolder + name, UriKind.Relative), cancellation);
                if (answer.StatusCode == HttpStatusCode.NotFound)
                {
                    return null;
                }

                answer.EnsureSuccessStatusCode();
                return await answer.Content.ReadAsStringAsync(cancellation);
            }
            catch (HttpRequestException exception) when (attempt < 10)
            {
                // The metadata server of a booting VM answers 503 for a moment.
                _ = exception;
                await Task.Delay(TimeSpan.FromSeconds(0.2 * attempt), cancellation);
            }
            catch (HttpRequestException exception)
            {
                throw new WorkerStartException(
                    $"The metadata server at '{_http.BaseAddress}' does not answer: {exception.Message}", exception);
            }
        }
    }
}
