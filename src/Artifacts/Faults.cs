namespace Workflows.Artifacts;

/// <summary>Faults that all stores have.</summary>
internal static class Faults
{
    public static ArtifactException TooShort(ArtifactUri uri, ByteRange range, long bytes) => new(
        ArtifactFault.Truncated, $"{uri}",
        range.Length is { } length
            ? $"It has {bytes} bytes, and bytes {range.Offset} to {range.Offset + length - 1} are wanted."
            : $"It has {bytes} bytes, and bytes from {range.Offset} on are wanted.",
        "Write it again, whole.");

    public static ArtifactException Changed(ArtifactUri uri, long wanted, long found) => new(
        ArtifactFault.Precondition, $"{uri}",
        wanted == 0
            ? "It exists already."
            : $"It is in version {found}, and the call wants version {wanted}.",
        "Somebody else wrote it; read it again and decide anew.");

    public static ArtifactException Damaged(ArtifactUri uri, string what) => new(
        ArtifactFault.Damaged, $"{uri}", what, "Write or download it again.");

    public static ArtifactException ReadOnly(ArtifactUri uri) => new(
        ArtifactFault.Unsupported, $"{uri}", "The Hub is only read from.", "Write to a folder or a bucket.");
}
