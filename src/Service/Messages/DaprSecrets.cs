using Dapr;
using Dapr.Client;
using Grpc.Core;
using Workflows.Artifacts;
using Workflows.Service.Hosting;
using Workflows.Service.Logs;

namespace Workflows.Service.Messages;

/// <summary>Reads the settings that are secrets from a Dapr secret store when the service starts.</summary>
internal static class DaprSecrets
{
    /// <summary>The settings that may be in the store. API keys of callers are not: the service has their hashes
    /// only.</summary>
    private static readonly Dictionary<string, Action<ServiceSettings, string>> Known =
        new(StringComparer.OrdinalIgnoreCase)
        {
            ["Database"] = (settings, secret) => settings.Database = secret,
            ["DurableTaskConnectionString"] = (settings, secret) => settings.DurableTaskConnectionString = secret,
            ["HuggingFaceToken"] = (settings, secret) => settings.HuggingFaceToken = secret,
        };

    /// <summary>Most time for a sidecar that starts with the service.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30), Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Reads the secrets that the settings name; nothing without <c>Dapr:SecretStore</c>.</summary>
    /// <param name="settings">The settings, which receive the secrets.</param>
    /// <param name="patience">Most time for the sidecar; null for 30 seconds.</param>
    /// <exception cref="ServiceStartException">A secret is not there, or there is no sidecar.</exception>
    public static async Task ReadAsync(ServiceSettings settings, TimeSpan? patience = null)
    {
        if (settings.Dapr.SecretStore is not { } store)
        {
            return;
        }

        if (settings.Dapr.Secrets.Keys.FirstOrDefault(each => !Known.ContainsKey(each)) is { } unknown)
        {
            throw new ServiceStartException(
                $"The setting 'Workflows:Dapr:Secrets:{unknown}' names no secret of the service: use "
                + $"{string.Join(", ", Known.Keys)}.");
        }

        var builder = new DaprClientBuilder();
        if (settings.Dapr.GrpcEndpoint is { } endpoint)
        {
            builder.UseGrpcEndpoint(endpoint.ToString());
        }

        using var dapr = builder.Build();
        var end = TimeProvider.System.GetUtcNow() + (patience ?? Patience);
        foreach (var (setting, name) in settings.Dapr.Secrets)
        {
            var secret = await ReadAsync(dapr, store, setting, name, end);
            if (IsToken(setting))
            {
                SecretText.Hide(secret);
            }

            Known[setting](settings, secret);
        }
    }

    /// <summary>Makes the stores of files that read the Hub with the token of the secret store.</summary>
    public static ArtifactStores StoresOf(ServiceSettings settings, Uri? emulator) =>
        new(emulator, HubSettings.OfEnvironment() with { Token = settings.HuggingFaceToken });

    /// <summary>Returns whether a secret has no form by which logs know it, as connection strings have.</summary>
    private static bool IsToken(string setting) =>
        setting.Equals(nameof(ServiceSettings.HuggingFaceToken), StringComparison.OrdinalIgnoreCase);

    private static async Task<string> ReadAsync(
        DaprClient dapr, string store, string setting, string name, DateTimeOffset end)
    {
        while (true)
        {
            try
            {
                // A store of single values answers with the secret's own name, others with all fields of it.
                var fields = await dapr.GetSecretAsync(store, name);
                // Many of them were made from a file, whose last line has an end.
                return (fields.GetValueOrDefault(name) ?? (fields.Count == 1 ? fields.Values.Single() : null))?
                    .TrimEnd('\r', '\n')
                    ?? throw new ServiceStartException(
                        $"The secret '{name}' of the Dapr store '{store}', for 'Workflows:{setting}', has "
                        + $"{fields.Count} fields, and none with its name.");
            }
            catch (DaprException exception) when (
                exception.InnerException is RpcException { StatusCode: StatusCode.Unavailable }
                && TimeProvider.System.GetUtcNow() < end)
            {
                await Task.Delay(Pause);
            }
            catch (DaprException exception)
            {
                // The message of the store names the secret, and not its value.
                throw new ServiceStartException(
                    $"The secret '{name}' of the Dapr store '{store}', for 'Workflows:{setting}', cannot be read: "
                    + $"{(exception.InnerException ?? exception).Message} Check the sidecar, the component "
                    + "(infra/dapr) and its access to the secret.",
                    exception);
            }
        }
    }
}
