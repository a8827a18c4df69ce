namespace Workflows.Artifacts;

/// <summary>An artifact as its store describes it.</summary>
/// <param name="Uri">Its address.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Generation">Its version: another number after each write, above 0; 0 where a store has none.</param>
/// <param name="Crc32C">Its CRC-32C; null where the store keeps none.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimal; null where the store keeps none.</param>
public sealed record ArtifactInfo(
    ArtifactUri Uri, long Bytes, long Generation, uint? Crc32C = null, string? Sha256 = null);

/// <summary>Part of an artifact.</summary>
/// <param name="Offset">Its first byte, from 0.</param>
/// <param name="Length">Its length in bytes; null: to the end.</param>
public readonly record struct ByteRange(long Offset, long? Length)
{
    /// <summary>Gets the whole artifact.</summary>
    public static ByteRange Whole => new(0, null);

    /// <summary>Gets a value indicating whether this is the whole artifact.</summary>
    public bool IsWhole => this is { Offset: 0, Length: null };
}

/// <summary>A condition of a write, checked by the store in the moment in which the artifact would appear.</summary>
public readonly record struct WriteCondition
{
    /// <summary>Gets the condition that always holds.</summary>
    public static WriteCondition None => default;

    /// <summary>Gets the condition that there is no such artifact yet.</summary>
    public static WriteCondition IfAbsent => new() { Generation = 0 };

    /// <summary>Gets the generation that must be there, 0 for no artifact; null: any.</summary>
    public long? Generation { get; private init; }

    /// <summary>The condition that the artifact is in this very version.</summary>
    /// <param name="generation">Of <see cref="ArtifactInfo.Generation"/>.</param>
    /// <returns>The condition.</returns>
    public static WriteCondition IfGeneration(long generation) => new() { Generation = generation };
}

/// <summary>
/// Reads and writes artifacts of one place. <b>Invariant:</b> an artifact appears whole or not at all, and a reader
/// sees either the old one or the new one. Transient faults are retried inside. Safe for concurrent use.
/// </summary>
public interface IArtifactStore
{
    /// <summary>Looks whether an artifact exists.</summary>
    /// <param name="uri">The artifact.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Its size and version; null where there is none.</returns>
    /// <exception cref="ArtifactException">The store cannot tell.</exception>
    public Task<ArtifactInfo?> FindAsync(ArtifactUri uri, CancellationToken cancellation);

    /// <summary>Lists all artifacts below a folder, at any depth, in the ordinal order of their paths.</summary>
    /// <param name="folder">The folder; one that does not exist is empty.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The artifacts.</returns>
    /// <exception cref="ArtifactException">The store cannot tell.</exception>
    public IAsyncEnumerable<ArtifactInfo> ListAsync(ArtifactUri folder, CancellationToken cancellation);

    /// <summary>Reads an artifact, or a part of it, and checks a whole one against the store's hash.</summary>
    /// <param name="uri">The artifact.</param>
    /// <param name="range">The part.</param>
    /// <param name="target">Gets the bytes in order, each once; not closed.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>A task that completes when all bytes are there.</returns>
    /// <exception cref="ArtifactException">There is none, it is shorter than the range, or cannot be read.</exception>
    public Task ReadAsync(ArtifactUri uri, ByteRange range, Stream target, CancellationToken cancellation);

    /// <summary>Writes an artifact whole.</summary>
    /// <param name="uri">The artifact.</param>
    /// <param name="content">
    /// The bytes, from where it stands; seekable, so that a broken transfer can go on. Not closed.
    /// </param>
    /// <param name="condition">What must hold when it appears.</param>
    /// <param name="cancellation">Cancels the call; the artifact is then as it was, or whole.</param>
    /// <returns>The artifact, with the SHA-256 of what was sent.</returns>
    /// <exception cref="ArtifactException">
    /// It was not written; <see cref="ArtifactFault.Precondition"/> where the condition did not hold.
    /// </exception>
    public Task<ArtifactInfo> WriteAsync(
        ArtifactUri uri, Stream content, WriteCondition condition, CancellationToken cancellation);

    /// <summary>Deletes an artifact.</summary>
    /// <param name="uri">The artifact.</param>
    /// <param name="generation">The version that it must have; null: any.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>true if there was one.</returns>
    /// <exception cref="ArtifactException">It was not deleted.</exception>
    public Task<bool> DeleteAsync(ArtifactUri uri, long? generation, CancellationToken cancellation);
}
