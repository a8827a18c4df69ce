using System.Globalization;
using System.Security.Cryptography;

namespace Workflows.Service.Files;

/// <summary>Writes an upload to a file aside, and hashes it while it arrives.</summary>
internal static class IncomingFile
{
    /// <summary>Writes a stream to a file.</summary>
    /// <param name="path">The file, which does not exist; its folder is made if it is missing.</param>
    /// <param name="body">The bytes.</param>
    /// <param name="most">Most bytes.</param>
    /// <param name="reserve">Is told the bytes in all before they are written, and throws to refuse them.</param>
    /// <param name="cancellation">Cancels the reading.</param>
    /// <returns>The SHA-256 and the number of bytes; they are on disk.</returns>
    /// <exception cref="FileRefusedException">There are too many, or the disk does not take them.</exception>
    public static async Task<(string Hash, long Bytes)> WriteAsync(
        string path, Stream body, long most, Action<long> reserve, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[81920];
        long bytes = 0;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw NoRoom(exception);
        }

        await using var file = Open(path);
        while (await body.ReadAsync(buffer, cancellation) is > 0 and var count)
        {
            bytes += count;
            if (bytes > most)
            {
                throw TooLarge(most);
            }

            reserve(bytes);
            hash.AppendData(buffer, 0, count);
            try
            {
                await file.WriteAsync(buffer.AsMemory(0, count), cancellation);
            }
            catch (IOException exception)
            {
                throw NoRoom(exception);
            }
        }

        try
        {
            file.Flush(flushToDisk: true);
        }
        catch (IOException exception)
        {
            throw NoRoom(exception);
        }

        return (Convert.ToHexStringLower(hash.GetHashAndReset()), bytes);
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw NoRoom(exception);
        }
    }

    /// <summary>Makes the refusal of a file that is too large.</summary>
    public static FileRefusedException TooLarge(long most) => new(
        StatusCodes.Status413PayloadTooLarge, "FILE_TOO_LARGE", string.Create(
            CultureInfo.InvariantCulture,
            $"A file may have {most} bytes (Workflows:Uploads:FileGibibytes). Compress it (.gz), split it, or "
            + $"put it into a bucket."));

    /// <summary>Makes the refusal of a file that arrived otherwise than it was sent.</summary>
    public static FileRefusedException Damaged(string hash, string expected) => new(
        StatusCodes.Status400BadRequest, "FILE_DAMAGED",
        $"The file that arrived has the SHA-256 {hash}, and should have {expected}. Send it again.");

    /// <summary>Makes the refusal of a file that would replace another one.</summary>
    public static FileRefusedException Exists(string name) => new(
        StatusCodes.Status412PreconditionFailed, "FILE_EXISTS",
        $"There is a file '{name}' of other content. Choose another name, or leave If-None-Match out.");

    /// <summary>Makes the refusal of one file more than there may be.</summary>
    public static FileRefusedException TooMany() => new(
        StatusCodes.Status507InsufficientStorage, "FILES_FULL",
        $"There are {FileStore.MostFiles} files. Delete some: DELETE /files/NAME.");

    /// <summary>Makes the refusal of a file for which there is no room.</summary>
    public static FileRefusedException Full(long most) => new(
        StatusCodes.Status507InsufficientStorage, "FILES_FULL", string.Create(
            CultureInfo.InvariantCulture,
            $"All uploaded files together may have {most} bytes (Workflows:Uploads:AllGibibytes). Delete some (DELETE "
            + $"/files/NAME), and purge runs whose contents nobody needs."));

    /// <summary>Makes the refusal of a file that the disk does not take.</summary>
    public static FileRefusedException NoRoom(Exception exception) => new(
        StatusCodes.Status507InsufficientStorage, "FILES_FULL",
        $"The service's disk does not take the file: {exception.Message} Nothing of it is kept.");
}
