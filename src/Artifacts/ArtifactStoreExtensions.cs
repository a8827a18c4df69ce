namespace Workflows.Artifacts;

/// <summary>Reads and writes small artifacts as bytes, and artifacts as files.</summary>
public static class ArtifactStoreExtensions
{
    /// <summary>The most bytes that are read into memory at once.</summary>
    private const long MostBytes = 256 << 20;

    /// <summary>Reads a small artifact, or a small part of one.</summary>
    /// <param name="store">The store.</param>
    /// <param name="uri">The artifact.</param>
    /// <param name="range">The part; whole by default.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The bytes, at most 256 MiB.</returns>
    /// <exception cref="ArtifactException">It cannot be read, or is larger.</exception>
    public static async Task<byte[]> ReadBytesAsync(
        this IArtifactStore store, ArtifactUri uri, ByteRange range, CancellationToken cancellation)
    {
        var bytes = range.Length ?? (await store.FindAsync(uri, cancellation))?.Bytes - range.Offset ?? 0;
        if (bytes > MostBytes)
        {
            throw new ArtifactException(
                ArtifactFault.Unsupported, $"{uri}", $"It has {bytes} bytes, expected {MostBytes} at most.",
                "Give the right file.");
        }

        using var memory = new MemoryStream((int)Math.Max(0, bytes));
        await store.ReadAsync(uri, range, memory, cancellation);

        // Without a copy if the size was known, as for the parts of a large artifact.
        return memory.TryGetBuffer(out var all) && all.Array!.Length == all.Count ? all.Array : memory.ToArray();
    }

    /// <summary>Writes a small artifact.</summary>
    /// <param name="store">The store.</param>
    /// <param name="uri">The artifact.</param>
    /// <param name="bytes">Its content.</param>
    /// <param name="condition">The condition of the write.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The artifact.</returns>
    /// <exception cref="ArtifactException">It was not written.</exception>
    public static async Task<ArtifactInfo> WriteBytesAsync(
        this IArtifactStore store, ArtifactUri uri, byte[] bytes, WriteCondition condition,
        CancellationToken cancellation)
    {
        using var memory = new MemoryStream(bytes, writable: false);
        return await store.WriteAsync(uri, memory, condition, cancellation);
    }

    /// <summary>Opens an artifact for a reader who takes it piece by piece, from one place on, with a megabyte of it in
    /// memory.</summary>
    /// <param name="store">The store.</param>
    /// <param name="uri">The artifact.</param>
    /// <param name="bytes">The size that it must have.</param>
    /// <param name="cancellation">Cancels the look at it, not the reading.</param>
    /// <returns>A stream that can be read from any place, once.</returns>
    /// <exception cref="ArtifactException">It does not exist, or has another size.</exception>
    public static async Task<Stream> OpenReadAsync(
        this IArtifactStore store, ArtifactUri uri, long bytes, CancellationToken cancellation)
    {
        var found = await store.FindAsync(uri, cancellation) ?? throw new ArtifactException(
            ArtifactFault.NotFound, $"{uri}", "It does not exist.", "Write it again.");
        return found.Bytes == bytes
            ? new PulledArtifact(store, uri, bytes)
            : throw Faults.Damaged(uri, $"It has {found.Bytes} bytes, expected {bytes}.");
    }

    /// <summary>Copies an artifact to a file, which appears whole or not at all.</summary>
    /// <param name="store">The store.</param>
    /// <param name="uri">The artifact.</param>
    /// <param name="path">The file; an existing one is replaced.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The SHA-256 of its bytes in lower-case hexadecimal.</returns>
    /// <exception cref="ArtifactException">It cannot be read.</exception>
    public static async Task<string> DownloadAsync(
        this IArtifactStore store, ArtifactUri uri, string path, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var aside = $"{path}.{Guid.NewGuid():n}.part";
        try
        {
            string sha256;
            await using (var file = new FileStream(
                aside, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0))
            await using (var hashed = new HashedFile(file))
            {
                await store.ReadAsync(uri, ByteRange.Whole, hashed, cancellation);
                sha256 = await hashed.EndAsync();
            }

            File.Move(aside, path, overwrite: true);
            return sha256;
        }
        finally
        {
            File.Delete(aside);
        }
    }
}
