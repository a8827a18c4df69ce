namespace Workflows.Service.Hosting;

/// <summary>The addresses of the emulated cloud: that of this process, or one that is a program of its own.</summary>
/// <param name="Grpc">The Cloud TPU API.</param>
/// <param name="Rest">The other APIs.</param>
/// <param name="Storage">The buckets.</param>
internal sealed record EmulatedAddresses(Uri Grpc, Uri Rest, Uri Storage)
{
    /// <summary>Reads the addresses.</summary>
    /// <exception cref="ServiceStartException">The setting is no address, or services with one state have no emulated
    /// cloud in common.</exception>
    public static EmulatedAddresses Of(ServiceSettings settings, ServicePorts ports)
    {
        if (settings.EmulatorAddress is not { } address)
        {
            return new EmulatedAddresses(Local(ports.Grpc), Local(ports.EmulatorRest), Local(ports.EmulatorStorage));
        }

        if (!address.IsAbsoluteUri || address.Scheme != Uri.UriSchemeHttp || address.Port is < 1 or > 65533)
        {
            throw new ServiceStartException(
                $"The setting 'Workflows:EmulatorAddress' cannot be '{address}': use the address of the emulator's "
                + "gRPC port, such as http://127.0.0.1:8085. Its REST and storage ports are the next two.");
        }

        return new EmulatedAddresses(Next(0), Next(1), Next(2));

        Uri Next(int offset) => new UriBuilder(address.Scheme, address.Host, address.Port + offset).Uri;
    }

    private static Uri Local(int port) => new($"http://127.0.0.1:{port}");
}
