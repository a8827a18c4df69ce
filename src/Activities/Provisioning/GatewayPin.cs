using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Workflows.Activities.Provisioning;

/// <summary>The pin by which workers recognise a certificate.</summary>
public static class GatewayPin
{
    /// <summary>Computes the pin of a certificate.</summary>
    /// <param name="certificate">The certificate.</param>
    /// <returns>SHA-256 of its DER form in lower-case hexadecimal.</returns>
    public static string Of(X509Certificate certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        return Convert.ToHexStringLower(SHA256.HashData(certificate.GetRawCertData()));
    }
}
