using System.Data.Common;
using Azure.Core;

namespace Microsoft.DurableTask.Connection;

/// <summary>A connection string: <c>Endpoint=...;TaskHub=...;Authentication=...</c>, keys in any case.</summary>
internal sealed class SchedulerConnectionString
{
    private readonly DbConnectionStringBuilder _values;

    public SchedulerConnectionString(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        try
        {
            _values = new DbConnectionStringBuilder { ConnectionString = text };
        }
        catch (ArgumentException error)
        {
            // The text itself is not in the message, since it may hold secrets.
            throw new ArgumentException(
                "The Durable Task Scheduler connection string cannot be read; it has the form "
                + $"'Endpoint=...;TaskHub=...;Authentication=...'. {error.Message}", nameof(text), error);
        }
    }

    public string Endpoint => Required("Endpoint", "https://NAME.REGION.durabletask.io");

    public string TaskHub => Required("TaskHub", "the name of a task hub");

    public string? ClientId => Optional("ClientID");

    public string? TenantId => Optional("TenantId");

    public string? TokenFilePath => Optional("TokenFilePath");

    public string[] AdditionallyAllowedTenants => Optional("AdditionallyAllowedTenants")?.Split(
        ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    public string Authentication => Required("Authentication", string.Join(", ", SchedulerCredentials.Names));

    /// <summary>The credential that the string names; null for none.</summary>
    public TokenCredential? Credential => SchedulerCredentials.Create(this);

    private string? Optional(string key) =>
        _values.TryGetValue(key, out object? value) && value is string { Length: > 0 } text ? text : null;

    private string Required(string key, string example) => Optional(key) ?? throw new ArgumentException(
        $"The Durable Task Scheduler connection string has no '{key}'; add '{key}=...' with {example}.");
}
