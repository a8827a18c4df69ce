using Google.Cloud.Location;
using Google.LongRunning;
using Grpc.Core;
using Workflows.GoogleCloud.Connections;

namespace Google.Cloud.Tpu.V2;

/// <summary>
/// A channel to the Cloud TPU API: with Application Default Credentials to Google, or in plain text to an emulator on
/// this machine.
/// </summary>
public sealed partial class TpuConnection : IDisposable
{
    /// <summary>Google's own endpoint.</summary>
    public const string DefaultEndpoint = "https://tpu.googleapis.com";

    private readonly GoogleChannel? _channel;

    internal TpuConnection(GoogleChannel channel)
        : this(channel.Calls) => _channel = channel;

    /// <summary>Connects by calls that go over no channel, such as those to a cloud in the same process.</summary>
    /// <param name="calls">Makes the calls.</param>
    internal TpuConnection(CallInvoker calls)
    {
        Tpu = new Tpu.TpuClient(calls);
        Operations = new Operations.OperationsClient(calls);
        Locations = new Locations.LocationsClient(calls);
    }

    /// <summary>Gets the client of the TPU service.</summary>
    public Tpu.TpuClient Tpu { get; }

    /// <summary>Gets the client of the long-running operations.</summary>
    public Operations.OperationsClient Operations { get; }

    /// <summary>Gets the client of the list of zones.</summary>
    public Locations.LocationsClient Locations { get; }

    /// <summary>Connects to Google with Application Default Credentials.</summary>
    /// <param name="quotaProject">Id of the project that is charged for quota; null for the credentials' own.</param>
    /// <param name="cancellationToken">Cancels the search for credentials.</param>
    /// <returns>The connection, owned by the caller.</returns>
    /// <exception cref="InvalidOperationException">There are no Application Default Credentials.</exception>
    public static async Task<TpuConnection> ConnectAsync(string? quotaProject, CancellationToken cancellationToken) =>
        new(await GoogleChannel.ConnectAsync(new Uri(DefaultEndpoint), quotaProject, cancellationToken));

    /// <summary>Connects to an emulator, without credentials.</summary>
    /// <param name="address">http:// address of its gRPC endpoint; a loopback address.</param>
    /// <returns>The connection, owned by the caller.</returns>
    /// <exception cref="ArgumentException">The address is not on this machine.</exception>
    public static TpuConnection ToEmulator(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (!address.IsLoopback)
        {
            throw new ArgumentException(
                $"'{address}' is not a loopback address; "
                + "without credentials only an emulator on this machine is called.",
                nameof(address));
        }

        return new TpuConnection(GoogleChannel.ToEmulator(address));
    }

    /// <summary>
    /// Creates call options as Google's clients do: a deadline of one minute, and the routing header that the front end
    /// reads.
    /// </summary>
    /// <param name="parameter">Field of the request that routes it: parent, name or node.name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The options.</returns>
    public static CallOptions Routed(string parameter, string value, CancellationToken cancellationToken) => new(
        new Metadata { { "x-goog-request-params", $"{parameter}={Uri.EscapeDataString(value)}" } },
        deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(1),
        cancellationToken);

    /// <inheritdoc />
    public void Dispose() => _channel?.Dispose();
}
