using System.Net.Security;
using System.Security.Cryptography;

namespace Workflows.TpuWorker.Host;

/// <summary>Whom the worker takes for the gateway.</summary>
internal static class GatewayTrust
{
    /// <summary>The options of a connection over TLS.</summary>
    /// <param name="certificate">
    /// SHA-256 of the only certificate that is accepted, whatever its name and issuer; null: those that the system's
    /// roots vouch for.
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

    /// <summary>A pin that is no hexadecimal fits no certificate.</summary>
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
