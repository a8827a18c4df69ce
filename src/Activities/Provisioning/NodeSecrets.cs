using System.Security.Cryptography;
using System.Text;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;

namespace Workflows.Activities.Provisioning;

/// <summary>
/// Derives one secret for each node, with which its worker proves that it runs on that node. Secrets come from the
/// service's key, so a create call that is repeated after a crash sends the same one. A secret is void once its node is
/// released.
/// </summary>
public sealed class NodeSecrets
{
    private const int KeyBytes = 32;
    private const string Name = "service.key";

    /// <summary>Most time for another process that has the file to write 32 bytes.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly byte[] _key;

    /// <summary>Opens the service's key, and creates it on first use.</summary>
    /// <param name="stateDirectory">The service's folder.</param>
    public NodeSecrets(string stateDirectory)
    {
        Directory.CreateDirectory(stateDirectory);
        var path = Path.Combine(stateDirectory, Name);
        _key = Read(path) ?? OpenOrMake(path);
        Require(path);
    }

    private NodeSecrets(byte[] key, string place)
    {
        _key = key;
        Require(place);
    }

    /// <summary>Opens the key that all services of a store share, and creates it on first use.</summary>
    /// <param name="state">The store.</param>
    /// <returns>The secrets.</returns>
    public static NodeSecrets Shared(IStateStore state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var made = RandomNumberGenerator.GetBytes(KeyBytes);
        return new NodeSecrets(state.Create(Name, made) ?? made, $"{Name} in the database");
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

    private void Require(string place)
    {
        if (_key.Length != KeyBytes)
        {
            throw new InvalidDataException(
                $"'{place}' has {_key.Length} bytes, expected {KeyBytes}. Delete it when no run is under way: workers "
                + "that run now lose their access.");
        }
    }

    /// <summary>Reads the key without a lock, as an account may that cannot write it.</summary>
    /// <returns>null if it is not there yet, or is being written.</returns>
    private static byte[]? Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path) is { Length: KeyBytes } key ? key : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>
    /// Reads the key, or makes it, while nobody else has the file open: of several that begin at once one makes it. An
    /// empty file is a key that was never used, since its maker ended before it wrote it.
    /// </summary>
    private static byte[] OpenOrMake(string path)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var file = Open(path, options);
        if (file.Length == 0)
        {
            file.Write(RandomNumberGenerator.GetBytes(KeyBytes));
            file.Flush(flushToDisk: true);
            file.Position = 0;
        }

        // A file that is too long is reported, and need not be read whole for that.
        var key = new byte[(int)Math.Min(file.Length, KeyBytes + 1)];
        file.ReadExactly(key);
        return key;
    }

    /// <summary>Opens a file that no other process has open, and waits while one has.</summary>
    private static FileStream Open(string path, FileStreamOptions options)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(path, options);
            }
            catch (IOException) when (File.Exists(path) && TimeProvider.System.GetElapsedTime(began) < Patience)
            {
                Thread.Sleep(TimeSpan.FromMilliseconds(5));
            }
        }
    }
}
