namespace Workflows.Service.Access;

/// <summary>Settings of the access to the API and the dashboard.</summary>
public sealed class AccessSettings
{
    /// <summary>Gets or sets a value indicating whether callers must authenticate.</summary>
    /// <value>Default false, which is possible only on this machine.</value>
    public bool Authentication { get; set; }

    /// <summary>Gets or sets the certificate with which the API speaks TLS.</summary>
    /// <value>A PEM file with the chain; null for plain HTTP.</value>
    public string? Certificate { get; set; }

    /// <summary>Gets or sets the key of <see cref="Certificate"/>.</summary>
    /// <value>A PEM file.</value>
    public string? CertificateKey { get; set; }

    /// <summary>Gets or sets the proxies in front of the API, which terminate TLS.</summary>
    /// <value>Addresses and networks with commas between them, such as <c>10.0.0.5, 172.16.0.0/12</c>. Connections
    /// from other machines are refused, and their forwarded headers are believed. null for none.</value>
    public string? Proxies { get; set; }

    /// <summary>Gets or sets the hours after which a session of the dashboard ends.</summary>
    /// <value>More than 0 and at most 720, default 12.</value>
    public double SessionHours { get; set; } = 12;

    /// <summary>Gets or sets the issuer of identity tokens.</summary>
    public OidcSettings Oidc { get; set; } = new();

    /// <summary>Gets or sets the most calls of one key in a minute.</summary>
    /// <value>1 to 6,000,000, default 6,000. As many at once are answered; then they are refused with 429.</value>
    public int CallsPerMinute { get; set; } = 6_000;

    /// <summary>Gets or sets the most calls in a minute of one address that shows no valid key.</summary>
    /// <value>1 to 6,000,000, default 120.</value>
    public int StrangerCallsPerMinute { get; set; } = 120;

    /// <summary>Gets or sets the most event streams that one key has open.</summary>
    /// <value>1 to 6,000,000, default 100; of all keys together there are at most 1,000.</value>
    public int StreamsPerKey { get; set; } = 100;
}
