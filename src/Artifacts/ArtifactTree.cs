using System.Security.Cryptography;
using System.Text;
using Workflows.GoogleCloud.Connections;

namespace Workflows.Artifacts;

/// <summary>
/// Writes several files that appear and disappear together, in stores that can neither rename nor lock.
/// <b>Invariant:</b> the last object written is the manifest, and it is the first one deleted: a tree exists if its
/// manifest does, and all files that the manifest names are complete. Objects without a manifest above them are
/// unreachable, and a sweep may remove them.
/// </summary>
/// <param name="store">The store of the trees.</param>
public sealed class ArtifactTree(IArtifactStore store)
{
    /// <summary>Bytes that are hashed at once while the next ones are read.</summary>
    private const int HashedBytes = 1 << 20;

    /// <summary>Files that are downloaded at once: one connection does not use a network's whole rate.</summary>
    private const int MostDownloads = 2;

    /// <summary>Looks for a tree.</summary>
    /// <param name="tree">Its root.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Its manifest; null if there is no complete tree.</returns>
    /// <exception cref="ArtifactException">The store does not answer, or the manifest is not valid.</exception>
    public async Task<ArtifactManifest?> FindAsync(ArtifactUri tree, CancellationToken cancellation)
    {
        var uri = tree.Child(ArtifactManifest.FileName);
        try
        {
            return await store.FindAsync(uri, cancellation) is null
                ? null
                : ArtifactManifest.FromJson(tree, await store.ReadBytesAsync(uri, ByteRange.Whole, cancellation));
        }
        catch (ArtifactException exception) when (exception.Fault == ArtifactFault.NotFound)
        {
            // Deleted between the two calls.
            return null;
        }
    }

    /// <summary>Writes the files of a folder as a tree; an existing one is deleted first.</summary>
    /// <param name="tree">Its root.</param>
    /// <param name="folder">The folder, with all its files at any depth.</param>
    /// <param name="cancellation">Cancels the call; there is no tree then, since it has no manifest.</param>
    /// <returns>The manifest.</returns>
    /// <exception cref="ArtifactException">A file was not written.</exception>
    public async Task<ArtifactManifest> WriteAsync(
        ArtifactUri tree, string folder, CancellationToken cancellation)
    {
        var files = FilesOf(folder);
        if (files.Count == 0)
        {
            throw new ArtifactException(
                ArtifactFault.NotFound, $"{tree}", $"'{folder}' has no files.", "Give a folder with files.");
        }

        await store.DeleteAsync(tree.Child(ArtifactManifest.FileName), null, cancellation);
        var written = new SortedDictionary<string, ArtifactFile>(StringComparer.Ordinal);
        foreach (var (name, path) in files)
        {
            await using var content = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            var info = await store.WriteAsync(tree.Child(name), content, WriteCondition.None, cancellation);
            written.Add(name, new ArtifactFile(info.Bytes, info.Sha256!));
        }

        // Files of an earlier tree that this one does not have would be unreachable forever.
        await DeleteFilesAsync(tree, name => !written.ContainsKey(name), cancellation);
        var manifest = new ArtifactManifest { Format = ArtifactManifest.CurrentFormat, Files = written };
        await store.WriteBytesAsync(
            tree.Child(ArtifactManifest.FileName), manifest.ToJson(), WriteCondition.None, cancellation);
        return manifest;
    }

    /// <summary>Writes a folder below a root under a name made of its content, unless it exists.</summary>
    /// <param name="root">The root of all such trees.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="isWanted">Selects the files that belong to it, by their names.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The tree's root, and whether it existed already.</returns>
    /// <exception cref="ArtifactException">A file was not written.</exception>
    public Task<(ArtifactUri Tree, bool WasThere)> WriteByContentAsync(
        ArtifactUri root, string folder, Func<string, bool> isWanted, CancellationToken cancellation) =>
        BringAsync(
            root, new FileArtifactStore(),
            [.. FilesOf(folder).Where(file => isWanted(file.Name)).Select(file => new TreeSource(
                file.Name, ArtifactUri.OfFile(file.Path), FolderFiles.LengthOf(file.Path), null))],
            null, cancellation);

    /// <summary>
    /// Copies files from any store below a root under a name made of their content, unless they exist. Files that an
    /// earlier interrupted call has copied are not copied again, and no file appears that does not have its hash.
    /// </summary>
    /// <param name="root">The root of all such trees.</param>
    /// <param name="from">The store that has the files; they are read in parts, a few of which are in memory.</param>
    /// <param name="files">The files. One without a hash is read once more, before anything is copied.</param>
    /// <param name="report">Receives the progress, once for each file and each 16 MiB; null for none.</param>
    /// <param name="cancellation">Cancels the call; there is no tree then, since it has no manifest.</param>
    /// <returns>The tree's root, and whether it existed already.</returns>
    /// <exception cref="ArtifactException">A file was not read or not written, or has another hash.</exception>
    public async Task<(ArtifactUri Tree, bool WasThere)> BringAsync(
        ArtifactUri root, IArtifactStore from, IReadOnlyList<TreeSource> files, Action<TreeProgress>? report,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(root);
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(files);
        var (hashed, checksums) = await HashAsync(from, files, report, cancellation);
        var tree = root.Child(NameOf(hashed));
        if (await FindAsync(tree, cancellation) is not null)
        {
            return (tree, true);
        }

        var (done, total) = (0L, files.Sum(file => file.Bytes));
        foreach (var file in files.OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            report?.Invoke(new TreeProgress(TreeStep.Copying, file.Name, done, total));

            // Only whole files with the right hash ever appear under this name.
            if ((await store.FindAsync(tree.Child(file.Name), cancellation))?.Bytes != file.Bytes)
            {
                var before = done;
                using var parts = new ArtifactReadStream(
                    from, file.Uri, file.Bytes,
                    at => report?.Invoke(new TreeProgress(TreeStep.Copying, file.Name, before + at, total)),
                    cancellation);
                using var guarded = new GuardedStream(
                    parts, file.Uri, hashed[file.Name].Sha256,
                    checksums.TryGetValue(file.Name, out var crc) ? crc : null);
                await WriteGuardedAsync(tree.Child(file.Name), guarded, cancellation);
            }

            done += file.Bytes;
        }

        // Two services that copy the same content at once write the same bytes, so the second manifest does no harm.
        var manifest = new ArtifactManifest { Format = ArtifactManifest.CurrentFormat, Files = hashed };
        await store.WriteBytesAsync(
            tree.Child(ArtifactManifest.FileName), manifest.ToJson(), WriteCondition.None, cancellation);
        report?.Invoke(new TreeProgress(TreeStep.Copying, "", total, total));
        return (tree, false);
    }

    /// <summary>Copies a tree to a folder, and checks every file against the manifest.</summary>
    /// <param name="tree">Its root.</param>
    /// <param name="folder">The folder; files of another content are replaced, other files stay.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The manifest.</returns>
    /// <exception cref="ArtifactException">There is no complete tree, or a file does not match the
    /// manifest.</exception>
    public async Task<ArtifactManifest> ReadAsync(ArtifactUri tree, string folder, CancellationToken cancellation)
    {
        var manifest = await FindAsync(tree, cancellation) ?? throw new ArtifactException(
            ArtifactFault.NotFound, $"{tree}", $"It has no {ArtifactManifest.FileName}, so it was never whole, or is "
            + "being deleted.", "Start again whatever should have written it.");
        await Parallel.ForEachAsync(
            manifest.Files,
            new ParallelOptions { MaxDegreeOfParallelism = MostDownloads, CancellationToken = cancellation },
            (file, stop) => DownloadAsync(tree.Child(file.Key), file.Value, Path.Combine(
                folder, file.Key.Replace('/', Path.DirectorySeparatorChar)), stop));
        return manifest;
    }

    private async ValueTask DownloadAsync(
        ArtifactUri uri, ArtifactFile file, string path, CancellationToken cancellation)
    {
        if (File.Exists(path) && FolderFiles.LengthOf(path) == file.Bytes
            && await HashOfAsync(path, cancellation) == file.Sha256)
        {
            return;
        }

        if (await store.DownloadAsync(uri, path, cancellation) != file.Sha256)
        {
            File.Delete(path);
            throw Faults.Damaged(uri, $"It does not have the SHA-256 that {ArtifactManifest.FileName} gives.");
        }
    }

    /// <summary>Deletes a tree, its manifest first.</summary>
    /// <param name="tree">Its root.</param>
    /// <param name="cancellation">Cancels the call; the remaining files are unreachable then.</param>
    /// <returns>A task that completes when nothing is left.</returns>
    /// <exception cref="ArtifactException">Something was not deleted.</exception>
    public async Task DeleteAsync(ArtifactUri tree, CancellationToken cancellation)
    {
        await store.DeleteAsync(tree.Child(ArtifactManifest.FileName), null, cancellation);
        await DeleteFilesAsync(tree, _ => true, cancellation);
    }

    /// <summary>Lists the roots of all complete trees below a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The roots, in the ordinal order of their paths.</returns>
    /// <exception cref="ArtifactException">The store does not answer.</exception>
    public async Task<IReadOnlyList<ArtifactUri>> ListAsync(ArtifactUri folder, CancellationToken cancellation) =>
        [.. RootsOf(await NamesAsync(folder, cancellation)).Select(root => root.Length == 0
            ? folder : folder.Child(root))];

    /// <summary>Lists the objects below a folder that belong to no complete tree: the rest of interrupted
    /// writes.</summary>
    /// <param name="folder">The folder; trees that are being written count too, so call this when none is.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The artifacts.</returns>
    /// <exception cref="ArtifactException">The store does not answer.</exception>
    public async Task<IReadOnlyList<ArtifactUri>> UnreachableAsync(
        ArtifactUri folder, CancellationToken cancellation)
    {
        var names = await NamesAsync(folder, cancellation);
        var reachable = new HashSet<string>(StringComparer.Ordinal);
        foreach (var root in RootsOf(names))
        {
            var above = root.Length == 0 ? "" : $"{root}/";
            var manifest = await FindAsync(root.Length == 0 ? folder : folder.Child(root), cancellation);
            reachable.UnionWith(
                (manifest?.Files.Keys ?? []).Append(ArtifactManifest.FileName).Select(name => above + name));
        }

        return [.. names.Where(name => !reachable.Contains(name)).Select(folder.Child)];
    }

    /// <returns>The files with their hashes, and the CRC-32C of those that were read for it.</returns>
    private static async Task<(SortedDictionary<string, ArtifactFile> Files, Dictionary<string, uint> Checksums)>
        HashAsync(
            IArtifactStore from, IReadOnlyList<TreeSource> files, Action<TreeProgress>? report,
            CancellationToken cancellation)
    {
        var (done, total) = (0L, files.Where(file => file.Sha256 is null).Sum(file => file.Bytes));
        var hashed = new SortedDictionary<string, ArtifactFile>(StringComparer.Ordinal);
        var checksums = new Dictionary<string, uint>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            var sha256 = file.Sha256;
            if (sha256 is null)
            {
                var before = done;
                using var parts = new ArtifactReadStream(
                    from, file.Uri, file.Bytes,
                    at => report?.Invoke(new TreeProgress(TreeStep.Hashing, file.Name, before + at, total)),
                    cancellation);
                (sha256, checksums[file.Name]) = await HashOfAsync(parts, cancellation);
                done += file.Bytes;
            }

            hashed.Add(file.Name, new ArtifactFile(file.Bytes, sha256));
        }

        return (hashed, checksums);
    }

    /// <summary>Writes a file; a fault of its source is thrown as such, not as a fault of the target.</summary>
    private async Task WriteGuardedAsync(ArtifactUri uri, GuardedStream content, CancellationToken cancellation)
    {
        try
        {
            await store.WriteAsync(uri, content, WriteCondition.None, cancellation);
        }
        catch (Exception exception) when (content.Fault is { } fault && !ReferenceEquals(fault, exception))
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
        }
    }

    private static IEnumerable<string> RootsOf(IEnumerable<string> names) => names
        .Where(name => name == ArtifactManifest.FileName
            || name.EndsWith($"/{ArtifactManifest.FileName}", StringComparison.Ordinal))
        .Select(name => name[..^ArtifactManifest.FileName.Length].TrimEnd('/'));

    private static List<(string Name, string Path)> FilesOf(string folder) => Directory.Exists(folder)
        ? [.. FolderFiles.Of(folder)
            .Select(path => (
                Name: Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/'), Path: path))
            .Where(file => file.Name != ArtifactManifest.FileName)
            .OrderBy(file => file.Name, StringComparer.Ordinal)]
        : [];

    private static string NameOf(SortedDictionary<string, ArtifactFile> files) =>
        "sha256-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(
            files.Select(file => $"{file.Value.Sha256} {file.Value.Bytes} {file.Key}\n")))));

    private static async Task<string> HashOfAsync(string path, CancellationToken cancellation)
    {
        await using var stream = new FileStream(
            path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        return (await HashOfAsync(stream, cancellation)).Sha256;
    }

    private static async Task<(string Sha256, uint Crc32C)> HashOfAsync(Stream stream, CancellationToken cancellation)
    {
        var crc = default(Crc32C);
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await OverlappedCopy.RunAsync(
            stream.ReadAsync,
            (bytes, _) =>
            {
                sha.AppendData(bytes.Span);
                crc.Append(bytes.Span);
                return ValueTask.CompletedTask;
            },
            HashedBytes, cancellation);
        return (Convert.ToHexStringLower(sha.GetHashAndReset()), crc.Value);
    }

    private async Task<List<string>> NamesAsync(ArtifactUri folder, CancellationToken cancellation)
    {
        var names = new List<string>();
        await foreach (var info in store.ListAsync(folder, cancellation))
        {
            names.Add(info.Uri.RelativeTo(folder)!);
        }

        return names;
    }

    private async Task DeleteFilesAsync(
        ArtifactUri tree, Func<string, bool> isOld, CancellationToken cancellation)
    {
        foreach (var name in (await NamesAsync(tree, cancellation)).Where(isOld))
        {
            await store.DeleteAsync(tree.Child(name), null, cancellation);
        }
    }
}
