namespace Workflows.Artifacts;

/// <summary>A file that is to become part of a tree.</summary>
/// <param name="Name">Its path inside the tree, with slashes.</param>
/// <param name="Uri">Its address.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimal; null if its store does not give it.</param>
public sealed record TreeSource(string Name, ArtifactUri Uri, long Bytes, string? Sha256);

/// <summary>Steps of copying a tree.</summary>
public enum TreeStep
{
    /// <summary>Files without a known hash are read.</summary>
    Hashing,

    /// <summary>Files are copied.</summary>
    Copying,
}

/// <summary>The progress of copying a tree.</summary>
/// <param name="Step">The step.</param>
/// <param name="Name">The file; empty at the end.</param>
/// <param name="Bytes">Bytes done in this step.</param>
/// <param name="TotalBytes">Bytes of this step in all.</param>
public sealed record TreeProgress(TreeStep Step, string Name, long Bytes, long TotalBytes);
