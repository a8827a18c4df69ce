namespace Workflows.Artifacts;

/// <summary>An artifact as its store describes it.</summary>
/// <param name="Uri">Its address.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Generation">Its version: a new number after each write, above 0; 0 if a store has none.</param>
/// <param name="Crc32C">Its CRC-32C; null if the store keeps none.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimal; null if the store keeps none.</param>
public sealed record ArtifactInfo(
    ArtifactUri Uri, long Bytes, long Generation, uint? Crc32C = null, string? Sha256 = null);

/// <summary>Part of an artifact.</summary>
/// <param name="Offset">Its first byte, from 0.</param>
/// <param name="Length">Its length in bytes; null for all bytes to the end.</param>
public readonly record struct ByteRange(long Offset, long? Length)
{
    /// <summary>Gets the whole artifact.</summary>
    public static ByteRange Whole => new(0, null);

    /// <summary>Gets a value indicating whether this is the whole artifact.</summary>
    public bool IsWhole => this is { Offset: 0, Length: null };
}

/// <summary>A condition of a write, checked by the store at the moment when the artifact would appear.</summary>
public readonly record struct WriteCondition
{
    /// <summary>Gets the condition that always holds.</summary>
    public static WriteCondition None => default;

    /// <summary>Gets the condition that the artifact does not exist yet.</summary>
    public static WriteCondition IfAbsent => new() { Generation = 0 };

    /// <summary>Gets the generation that must exist; 0 for no artifact, null for any.</summary>
    public long? Generation { get; private init; }

    /// <summary>Returns the condition that the artifact has a certain version.</summary>
    /// <param name="generation">The value of <see cref="ArtifactInfo.Generation"/>.</param>
    /// <returns>The condition.</returns>
    public static WriteCondition IfGeneration(long generation) => new() { Generation = generation };
}

/// <summary>
/// Reads and writes artifacts of one kind of place. <b>Invariant:</b> an artifact appears whole or not at all, and a
/// reader sees either the old one or the new one. Stores retry transient faults. Safe for concurrent use.
/// </summary>
public interface IArtifactStore
{
    /// <summary>Looks up an artifact.</summary>
    /// <param name="uri">The artifact.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Its size and version; null if it does not exist.</returns>
    /// <exception cref="ArtifactException">The store does not answer.</exception>
    public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation);

    /// <summary>Lists all artifacts below a folder, at any depth, in the ordinal order of their paths.</summary>
    /// <param name="folder">The folder; one that does not exist is empty.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The artifacts.</returns>
    /// <exception cref="ArtifactException">The store does not answer.</exception>
    public IAsyncEnumerable<ArtifactInfo> ListAsync(ArtifactUri folder, CancellationToken cancellation);

    /// <summary>Reads an artifact, or a part of it, and checks a whole one against the store's hash.</summary>
    /// <param name="uri">The artifact.</param>
    /// <param name="range">The part.</param>
    /// <param name="target">Receives the bytes in order, each once; not closed.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>A task that completes when all bytes are written to the target.</returns>
    /// <exception cref="ArtifactException">It does not exist, is shorter than the range, or cannot be read.</exception>
    public Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation);

    /// <summary>Writes an artifact whole.</summary>
    /// <param name="uri">The artifact.</param>
    /// <param name="content">
    /// The bytes, from the stream's position; seekable, so that a broken transfer can continue. Not closed.
    /// </param>
    /// <param name="condition">The condition of the write.</param>
    /// <param name="cancellation">Cancels the call; the artifact is then unchanged, or complete.</param>
    /// <returns>The artifact, with the SHA-256 of the bytes sent.</returns>
    /// <exception cref="ArtifactException">
    /// It was not written; <see cref="ArtifactFault.Precondition"/> if the condition did not hold.
    /// </exception>
    public Task<ArtifactInfo> WriteAsync(
        ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation);

    /// <summary>Deletes an artifact.</summary>
    /// <param name="uri">The artifact.</param>
    /// <param name="generation">The version that it must have; null for any.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>true if it existed.</returns>
    /// <exception cref="ArtifactException">It was not deleted.</exception>
    public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation);
}
