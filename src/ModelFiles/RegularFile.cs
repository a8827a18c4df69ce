using Microsoft.Win32.SafeHandles;
using Workflows.Translation;

namespace Workflows.ModelFiles;

/// <summary>
/// Opens regular files only. A pipe would make the reader wait forever and a device has no end, so neither is opened.
/// </summary>
public static class RegularFile
{
    /// <summary>Returns whether a path leads to a regular file; links are followed.</summary>
    /// <param name="path">The path.</param>
    /// <returns>false if the path does not exist, or is a folder, a pipe, a socket or a device.</returns>
    public static bool Is(string path) => File.Exists(path) && FileKind.IsRegular(path);

    /// <summary>Opens a file for reading at any offset.</summary>
    /// <param name="path">The file.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <returns>The open file; the caller closes it.</returns>
    /// <exception cref="ModelFileException">It is missing, not a regular file, or not readable.</exception>
    public static SafeFileHandle Open(string path, out long length)
    {
        if (!File.Exists(path))
        {
            throw new ModelFileException(path, Directory.Exists(path) ? "it is a folder" : "there is no such file");
        }

        if (!FileKind.IsRegular(path))
        {
            throw NotRegular(path);
        }

        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(path);
            length = RandomAccess.GetLength(file);
            return file;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            file?.Dispose();
            throw fault is NotSupportedException
                ? NotRegular(path)
                : new ModelFileException(path, $"it cannot be read ({fault.Message})", innerException: fault);
        }
    }

    /// <summary>Checks kind and size of a file without reading it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">The most bytes that it may have.</param>
    /// <exception cref="ModelFileException">It cannot be opened, or is larger.</exception>
    public static void Require(string path, long maxBytes)
    {
        using var file = Open(path, out var length);
        RequireSize(path, length, maxBytes);
    }

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">The most bytes that it may have; a larger one is not read at all.</param>
    /// <returns>Its bytes.</returns>
    /// <exception cref="ModelFileException">It cannot be opened or read, or is larger.</exception>
    public static byte[] ReadAll(string path, long maxBytes)
    {
        using var file = Open(path, out var length);
        RequireSize(path, length, maxBytes);
        var bytes = new byte[length];
        Read(file, path, bytes, 0);
        return bytes;
    }

    /// <summary>Fills a span from an open file.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="path">Its path, for the message.</param>
    /// <param name="bytes">The span to fill.</param>
    /// <param name="offset">Position of the first byte in the file.</param>
    /// <exception cref="ModelFileException">The file ends before, or the disk reports an error.</exception>
    internal static void Read(SafeFileHandle file, string path, Span<byte> bytes, long offset)
    {
        try
        {
            for (var done = 0; done < bytes.Length;)
            {
                var read = RandomAccess.Read(file, bytes[done..], offset + done);
                done += read > 0
                    ? read
                    : throw new ModelFileException(path, $"it ends at byte {offset + done}, within what is read");
            }
        }
        catch (IOException fault)
        {
            throw new ModelFileException(path, $"it cannot be read ({fault.Message})", innerException: fault);
        }
    }

    private static void RequireSize(string path, long length, long maxBytes)
    {
        if (length > maxBytes)
        {
            throw new ModelFileException(path, $"it has {length} bytes, wanted {maxBytes} at most");
        }
    }

    private static ModelFileException NotRegular(string path) =>
        new(path, "it is not a regular file", fix: "Give the file itself in place of a pipe, socket or device.");
}
