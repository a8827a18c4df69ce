using System.Security.Cryptography;
using System.Text;

namespace Workflows.TpuWorker.Pjrt.Programs;

/// <summary>
/// Keeps compiled programs in a folder, so that another process or another machine of the same kind loads instead of
/// compiling. The key of a program is its text, its options, the plugin with its version, and the devices: an
/// executable of another plugin or for other devices is never loaded.
/// </summary>
public sealed class PjrtExecutableCache
{
    private const string Extension = ".pjrt";

    private readonly string _folder;

    /// <summary>Creates a cache in a folder, which is created when a program is stored.</summary>
    /// <param name="folder">The folder; files in it may be deleted at any time.</param>
    public PjrtExecutableCache(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        _folder = folder;
    }

    /// <summary>Returns the path of a program's file.</summary>
    /// <param name="client">The client that would run it.</param>
    /// <param name="program">StableHLO text.</param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <returns>The path, which need not exist.</returns>
    public string PathOf(PjrtClient client, string program, PjrtCompileOptions? options = null)
    {
        var plugin = client.Plugin;
        var text = new StringBuilder()
            .Append(Digest(Encoding.UTF8.GetBytes(program))).Append('\n')
            .Append(Convert.ToHexStringLower((options ?? new PjrtCompileOptions()).ToBytes())).Append('\n')
            .Append(client.PlatformName).Append('\n').Append(client.PlatformVersion).Append('\n')
            .Append(plugin.ApiVersion).Append('\n').Append(plugin.StableHloVersion).Append('\n');
        foreach (var device in client.Devices)
        {
            text.Append(device.Id).Append(' ').Append(device.ProcessIndex).Append(' ').Append(device.Kind).Append('\n');
        }

        return Path.Combine(_folder, $"{Digest(Encoding.UTF8.GetBytes(text.ToString()))}{Extension}");
    }

    /// <summary>Loads a program, or compiles and stores it.</summary>
    /// <param name="client">The client that runs it.</param>
    /// <param name="program">StableHLO text.</param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <returns>The executable, and true if it was loaded.</returns>
    /// <exception cref="PjrtException">The program cannot be compiled.</exception>
    /// <remarks>
    /// A file that is truncated, changed or refused by the plugin is replaced. A plugin that cannot serialize, or a
    /// folder that cannot be written, only costs the next compilation.
    /// </remarks>
    public (PjrtLoadedExecutable Executable, bool WasLoaded) GetOrCompile(
        PjrtClient client, string program, PjrtCompileOptions? options = null)
    {
        var path = PathOf(client, program, options);
        if (Read(path) is { } kept && TryLoad(client, kept) is { } loaded)
        {
            return (loaded, true);
        }

        var compiled = client.Compile(program, options);
        try
        {
            Write(path, compiled.Executable.Serialize());
        }
        catch (Exception exception) when (exception is PjrtException or IOException or UnauthorizedAccessException)
        {
            // The program is compiled all the same.
        }

        return (compiled, false);
    }

    private static PjrtLoadedExecutable? TryLoad(PjrtClient client, byte[] bytes)
    {
        try
        {
            return client.Load(bytes);
        }
        catch (PjrtException)
        {
            // Plugins guarantee nothing for bytes of another build of theirs.
            return null;
        }
    }

    /// <summary>Reads a file if its bytes are unchanged, since plugins may crash on others.</summary>
    private static byte[]? Read(string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        return bytes.Length > SHA256.HashSizeInBytes
            && SHA256.HashData(bytes.AsSpan(SHA256.HashSizeInBytes))
                .AsSpan().SequenceEqual(bytes.AsSpan(0, SHA256.HashSizeInBytes))
            ? bytes[SHA256.HashSizeInBytes..]
            : null;
    }

    private static string Digest(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private void Write(string path, byte[] bytes)
    {
        Directory.CreateDirectory(_folder);
        var unfinished = Path.Combine(_folder, $"{Path.GetRandomFileName()}.unfinished");
        try
        {
            File.WriteAllBytes(unfinished, [.. SHA256.HashData(bytes), .. bytes]);
            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }
}
