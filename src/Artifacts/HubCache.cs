using System.Security.Cryptography;
using System.Text;

namespace Workflows.Artifacts;

/// <summary>
/// The cached repositories of the Hub, in the layout of Python's library: <c>models--ORG--NAME</c> with
/// <c>refs/REVISION</c> (a commit), <c>snapshots/COMMIT/PATH</c> (a link) and <c>blobs/ETAG</c> (the bytes).
/// </summary>
internal sealed class HubCache(string folder)
{
    /// <summary>Returns the commit that a revision stood for at the last request; null if none is known.</summary>
    public string? CommitOf(ArtifactUri uri)
    {
        if (HubListing.IsCommit(uri.Revision!))
        {
            return uri.Revision;
        }

        var path = RefOf(uri);
        return File.Exists(path) && File.ReadAllText(path).Trim() is var commit && HubListing.IsCommit(commit)
            ? commit : null;
    }

    /// <summary>Lists the cached files of a repository; null if there are none.</summary>
    public HubListing? List(ArtifactUri uri)
    {
        if (CommitOf(uri) is not { } commit || !Directory.Exists(SnapshotOf(uri, commit)))
        {
            return null;
        }

        var root = SnapshotOf(uri, commit);
        var files = new SortedDictionary<string, HubFile>(StringComparer.Ordinal);
        foreach (var path in FolderFiles.Of(root).Where(File.Exists))
        {
            files[Path.GetRelativePath(root, path).Replace(Path.DirectorySeparatorChar, '/')] =
                new HubFile(FolderFiles.LengthOf(path), null, null);
        }

        return new HubListing(commit, files);
    }

    /// <summary>Returns the cached file of a commit; null if it is not cached.</summary>
    public string? Find(ArtifactUri uri, string commit)
    {
        var path = PathOf(uri, commit);
        return File.Exists(path) ? path : null;
    }

    /// <summary>Returns the path of a file's bytes, and their path during the download.</summary>
    public (string Blob, string Incomplete) BlobOf(ArtifactUri uri, string etag)
    {
        var blobs = Path.Combine(RootOf(uri), "blobs");
        Directory.CreateDirectory(blobs);
        return (Path.Combine(blobs, etag), Path.Combine(blobs, $"{etag}.incomplete"));
    }

    /// <summary>Links a blob into the snapshot, and stores the commit of the revision.</summary>
    public string Link(ArtifactUri uri, string commit, string blob)
    {
        var path = PathOf(uri, commit);
        if (!File.Exists(path))
        {
            var parent = Path.GetDirectoryName(path)!;
            Directory.CreateDirectory(parent);
            try
            {
                File.CreateSymbolicLink(path, Path.GetRelativePath(parent, blob));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Windows requires a right to create links, as for Python's library; or another process made the link.
                if (!File.Exists(path))
                {
                    File.Copy(blob, path);
                }
            }
        }

        if (!HubListing.IsCommit(uri.Revision!))
        {
            var reference = RefOf(uri);
            Directory.CreateDirectory(Path.GetDirectoryName(reference)!);
            File.WriteAllText(reference, commit);
        }

        return path;
    }

    /// <summary>Returns whether a file's content has the hash of the Hub.</summary>
    public static async Task<bool> IsRightAsync(string path, HubFile file, CancellationToken cancellation)
    {
        await using var stream = File.OpenRead(path);
        if (stream.Length != file.Bytes)
        {
            return false;
        }

        if (file.Sha256 is { } sha)
        {
            return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation)) == sha;
        }

        if (file.BlobId is not { } blob)
        {
            return true;
        }

        // Git's name of a blob is a weak signature, but the only one that the Hub gives for small files.
#pragma warning disable CA5350
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {file.Bytes}\0"));
        var buffer = new byte[1 << 20];
        int count;
        while ((count = await stream.ReadAsync(buffer, cancellation)) > 0)
        {
            hash.AppendData(buffer, 0, count);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset()) == blob;
    }

    private string RootOf(ArtifactUri uri) => Path.Combine(
        folder,
        $"{(uri.IsDataSet ? "datasets" : "models")}--{uri.Container.Replace("/", "--", StringComparison.Ordinal)}");

    private string SnapshotOf(ArtifactUri uri, string commit) => Path.Combine(RootOf(uri), "snapshots", commit);

    private string PathOf(ArtifactUri uri, string commit) =>
        Path.Combine(SnapshotOf(uri, commit), uri.Path.Replace('/', Path.DirectorySeparatorChar));

    // Addresses are checked to have no control characters in the revision; a part '..' must not leave the folder.
    private string RefOf(ArtifactUri uri) => Path.Combine(
        RootOf(uri), "refs", string.Join(Path.DirectorySeparatorChar, uri.Revision!.Split('/')
            .Select(part => part is "" or "." or ".." ? "_" : part)));
}
