using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Workflows.Service.Access;

namespace Workflows.Service.Hosting;

/// <summary>Reads the certificates and keys that settings name.</summary>
internal static class TlsFiles
{
    /// <summary>Reads a certificate with its chain, and its key.</summary>
    /// <param name="setting">The setting of the key, without its section.</param>
    /// <param name="certificate">A PEM file.</param>
    /// <param name="key">A PEM file.</param>
    /// <returns>A change of an endpoint's options, which can be made more than once.</returns>
    /// <exception cref="ServiceStartException">The files cannot be used together.</exception>
    public static Action<HttpsConnectionAdapterOptions> Load(string setting, string certificate, string key)
    {
        try
        {
            using var pem = X509Certificate2.CreateFromPemFile(certificate, key);

            // The TLS of Windows refuses a key that is only in memory.
            var own = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificate);
            return https => (https.ServerCertificate, https.ServerCertificateChain) = (own, chain);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException
            or CryptographicException or ArgumentException)
        {
            throw new ServiceStartException(
                $"Workflows:{setting} '{key}' cannot be used with '{certificate}': {exception.Message}", exception);
        }
    }
}

/// <summary>The certificate of the HTTP API.</summary>
internal static class ApiCertificate
{
    /// <summary>Reads it.</summary>
    /// <returns>null for plain HTTP.</returns>
    /// <exception cref="ServiceStartException">The files cannot be used, or one of them is not named.</exception>
    public static Action<HttpsConnectionAdapterOptions>? Of(AccessSettings settings)
    {
        const string section = nameof(ServiceSettings.Access);
        return (settings.Certificate, settings.CertificateKey) switch
        {
            (null, null) => null,
            ({ } certificate, { } key) => SettingsFile.Read(
                $"{section}:{nameof(settings.Certificate)}", certificate, "a PEM file",
                _ => TlsFiles.Load($"{section}:{nameof(settings.CertificateKey)}", certificate, key)),
            _ => throw new ServiceStartException(
                "Workflows:Access:Certificate and Workflows:Access:CertificateKey are needed together."),
        };
    }
}
