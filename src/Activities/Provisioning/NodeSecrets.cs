using System.Security.Cryptography;
using System.Text;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>
/// Derives one secret for each node, with which its worker proves that it runs on that node. Secrets come from the
/// service's key, so a create call that is repeated after a crash sends the same one. A secret is void once its node is
/// released.
/// </summary>
public sealed class NodeSecrets
{
    private readonly byte[] _key;

    /// <summary>Opens the service's key, and creates it on first use.</summary>
    /// <param name="stateDirectory">The service's folder.</param>
    public NodeSecrets(string stateDirectory)
    {
        Directory.CreateDirectory(stateDirectory);
        var path = Path.Combine(stateDirectory, "service.key");
        if (!File.Exists(path))
        {
            WriteNew(path);
        }

        _key = File.ReadAllBytes(path);
        if (_key.Length != 32)
        {
            throw new InvalidDataException(
                $"'{path}' has {_key.Length} bytes, expected 32. Delete it when no run is under way: workers that run "
                + "now lose their access.");
        }
    }

    /// <summary>
    /// Gets the id by which this service recognises its own nodes among those of others in the same project: 16
    /// hexadecimal digits, derived from its key. Deleting the state folder deletes the id, too.
    /// </summary>
    public string ServiceId => Convert.ToHexStringLower(HMACSHA256.HashData(_key, "service id"u8))[..16];

    /// <summary>Derives the secret of a node.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">Full resource name.</param>
    /// <returns>64 hexadecimal digits.</returns>
    public string For(RunId runId, NodeName nodeName) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{runId}\n{nodeName}")));

    /// <summary>Compares a secret with a node's, in constant time.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">Full resource name.</param>
    /// <param name="secret">The secret that the caller sent.</param>
    /// <returns>true if it is that node's secret.</returns>
    public bool IsRight(RunId runId, NodeName nodeName, string secret) => CryptographicOperations.FixedTimeEquals(
        Encoding.UTF8.GetBytes(For(runId, nodeName)), Encoding.UTF8.GetBytes(secret));

    /// <summary>Writes a new key whole or not at all; the first of several that begin at once stays.</summary>
    private static void WriteNew(string path)
    {
        var aside = $"{path}.{Guid.NewGuid():n}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            using (var file = new FileStream(aside, options))
            {
                file.Write(RandomNumberGenerator.GetBytes(32));
                file.Flush(flushToDisk: true);
            }

            File.Move(aside, path);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another one was first: its key is read.
        }
        finally
        {
            File.Delete(aside);
        }
    }
}
