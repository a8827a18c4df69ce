using System.Collections.Concurrent;
using Google.Cloud.Tpu.V2;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>Connects on first use and keeps the connection.</summary>
/// <param name="emulator">Address of the emulator's gRPC endpoint; null if there is none.</param>
public sealed class TpuCloud(Uri? emulator) : ITpuCloud, IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<Task<TpuConnection>>> _connections = new(StringComparer.Ordinal);

    /// <inheritdoc />
    public Task<TpuConnection> ConnectAsync(string project, bool isRehearsal, CancellationToken cancellationToken)
    {
        var key = isRehearsal ? "emulator" : project;
        var connection = _connections.GetOrAdd(key, _ => new Lazy<Task<TpuConnection>>(() => isRehearsal
            ? Task.FromResult(TpuConnection.ToEmulator(
                emulator ?? throw new InvalidOperationException("This service has no TPU emulator.")))
            : ConnectToGoogleAsync(project)));
        if (connection.Value.IsFaulted)
        {
            // Removed so that the next call can find credentials.
            _connections.TryRemove(new KeyValuePair<string, Lazy<Task<TpuConnection>>>(key, connection));
        }

        return connection.Value;
    }

    private static async Task<TpuConnection> ConnectToGoogleAsync(string project)
    {
        try
        {
            return await TpuConnection.ConnectAsync(project, CancellationToken.None);
        }
        catch (InvalidOperationException exception)
        {
            throw new RunFaultException(
                "CREDENTIALS_MISSING", exception.Message,
                "Run 'gcloud auth application-default login', or set GOOGLE_APPLICATION_CREDENTIALS to a key file.");
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var connection in _connections.Values)
        {
            if (connection is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
            {
                connection.Value.Result.Dispose();
            }
        }
    }
}
