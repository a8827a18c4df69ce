using System.Net.Security;
using System.Security.Cryptography;

namespace Workflows.TpuWorker.Host;

/// <summary>Decides which certificates the worker accepts from the gateway.</summary>
internal static class GatewayTrust
{
    /// <summary>Returns the options of a connection over TLS.</summary>
    /// <param name="certificate">
    /// SHA-256 of the only certificate that is accepted, with any name and issuer; null for those that the system
    /// trusts.
    /// </param>
    public static SslClientAuthenticationOptions Options(string? certificate)
    {
        var options = new SslClientAuthenticationOptions();
        if (certificate is not null)
        {
            options.RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null
                && CryptographicOperations.FixedTimeEquals(
                    SHA256.HashData(shown.GetRawCertData()), FromHex(certificate));
        }

        return options;
    }

    /// <summary>Parses a pin; one that is not hexadecimal matches no certificate.</summary>
    private static byte[] FromHex(string text)
    {
        try
        {
            return Convert.FromHexString(text);
        }
        catch (FormatException)
        {
            return [];
        }
    }
}
