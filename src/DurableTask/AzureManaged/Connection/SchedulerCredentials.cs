using Azure.Core;
using Azure.Identity;

namespace Microsoft.DurableTask.Connection;

/// <summary>The kinds of authentication that a connection string may name.</summary>
internal static class SchedulerCredentials
{
    private static readonly Dictionary<string, Func<SchedulerConnectionString, TokenCredential?>> Kinds =
        new(StringComparer.OrdinalIgnoreCase)
        {
            ["DefaultAzure"] = _ => new DefaultAzureCredential(),
            ["ManagedIdentity"] = values => new ManagedIdentityCredential(values.ClientId is { } id
                ? ManagedIdentityId.FromUserAssignedClientId(id)
                : ManagedIdentityId.SystemAssigned),
            ["WorkloadIdentity"] = WorkloadIdentity,
            ["Environment"] = _ => new EnvironmentCredential(),
            ["AzureCLI"] = _ => new AzureCliCredential(),
            ["AzurePowerShell"] = _ => new AzurePowerShellCredential(),
            ["VisualStudio"] = _ => new VisualStudioCredential(),
            ["VisualStudioCode"] = _ => new VisualStudioCodeCredential(),
            ["InteractiveBrowser"] = _ => new InteractiveBrowserCredential(),
            ["None"] = _ => null,
        };

    public static IEnumerable<string> Names => Kinds.Keys;

    public static TokenCredential? Create(SchedulerConnectionString values) =>
        Kinds.TryGetValue(values.Authentication, out Func<SchedulerConnectionString, TokenCredential?>? create)
            ? create(values)
            : throw new ArgumentException(
                $"The connection string's 'Authentication' is '{values.Authentication}'; it must be one of "
                + $"{string.Join(", ", Names)}.");

    private static WorkloadIdentityCredential WorkloadIdentity(SchedulerConnectionString values)
    {
        var options = new WorkloadIdentityCredentialOptions();
        options.ClientId = values.ClientId ?? options.ClientId;
        options.TenantId = values.TenantId ?? options.TenantId;
        options.TokenFilePath = values.TokenFilePath ?? options.TokenFilePath;
        foreach (string tenant in values.AdditionallyAllowedTenants)
        {
            options.AdditionallyAllowedTenants.Add(tenant);
        }

        return new WorkloadIdentityCredential(options);
    }
}
