using System.Security.Cryptography;
using System.Text;

namespace Workflows.Artifacts;

/// <summary>
/// Several files that appear and go together, in stores that can neither rename nor lock. <b>Invariant:</b> the last
/// object written is the manifest, and it is the first one deleted: a tree is there when its manifest is, and what the
/// manifest names is whole. Objects without a manifest above them are unreachable, and a sweep may remove them.
/// </summary>
/// <param name="store">Where trees are.</param>
public sealed class ArtifactTree(IArtifactStore store)
{
    /// <summary>Looks for a tree.</summary>
    /// <param name="tree">Its root.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Its manifest; null where there is no whole tree.</returns>
    /// <exception cref="ArtifactException">The store cannot tell, or the manifest is none.</exception>
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

    /// <summary>Writes the files of a folder as a tree; one that is there is taken away first.</summary>
    /// <param name="tree">Its root.</param>
    /// <param name="folder">The folder, with all its files at any depth.</param>
    /// <param name="cancellation">Cancels the call; without a manifest there is no tree then.</param>
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

        // Files of an earlier tree that this one has not would be unreachable for ever.
        await DeleteFilesAsync(tree, name => !written.ContainsKey(name), cancellation);
        var manifest = new ArtifactManifest { Format = ArtifactManifest.CurrentFormat, Files = written };
        await store.WriteBytesAsync(
            tree.Child(ArtifactManifest.FileName), manifest.ToJson(), WriteCondition.None, cancellation);
        return manifest;
    }

    /// <summary>Writes a folder below a root under a name that its content decides, unless it is there.</summary>
    /// <param name="root">The root of all such trees.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="isWanted">Which files belong to it, by their names.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The tree's root, and whether it was there already.</returns>
    /// <exception cref="ArtifactException">A file was not written.</exception>
    public async Task<(ArtifactUri Tree, bool WasThere)> WriteByContentAsync(
        ArtifactUri root, string folder, Func<string, bool> isWanted, CancellationToken cancellation)
    {
        var files = FilesOf(folder).Where(file => isWanted(file.Name)).ToList();
        var hashed = new SortedDictionary<string, ArtifactFile>(StringComparer.Ordinal);
        foreach (var (name, path) in files)
        {
            await using var content = File.OpenRead(path);
            hashed.Add(name, new ArtifactFile(
                content.Length, Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellation))));
        }

        var tree = root.Child(NameOf(hashed));
        if (await FindAsync(tree, cancellation) is not null)
        {
            return (tree, true);
        }

        foreach (var (name, path) in files)
        {
            await using var content = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            var info = await store.WriteAsync(tree.Child(name), content, WriteCondition.None, cancellation);
            if (info.Sha256 != hashed[name].Sha256)
            {
                throw Faults.Damaged(tree.Child(name), $"'{path}' changed while it was copied.");
            }
        }

        // Two services that bring the same content at once write the same bytes: the second manifest does no harm.
        var manifest = new ArtifactManifest { Format = ArtifactManifest.CurrentFormat, Files = hashed };
        await store.WriteBytesAsync(
            tree.Child(ArtifactManifest.FileName), manifest.ToJson(), WriteCondition.None, cancellation);
        return (tree, false);
    }

    /// <summary>Brings a tree to a folder, and checks every file against the manifest.</summary>
    /// <param name="tree">Its root.</param>
    /// <param name="folder">The folder; files of another content are replaced, further ones stay.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The manifest.</returns>
    /// <exception cref="ArtifactException">There is no whole tree, or a file is not what the manifest says.</exception>
    public async Task<ArtifactManifest> ReadAsync(ArtifactUri tree, string folder, CancellationToken cancellation)
    {
        var manifest = await FindAsync(tree, cancellation) ?? throw new ArtifactException(
            ArtifactFault.NotFound, $"{tree}", $"It has no {ArtifactManifest.FileName}, so it was never whole, or is "
            + "being deleted.", "Start again whatever should have written it.");
        foreach (var (name, file) in manifest.Files)
        {
            var path = Path.Combine(folder, name.Replace('/', Path.DirectorySeparatorChar));
            if (File.Exists(path) && new FileInfo(path).Length == file.Bytes
                && await HashOfAsync(path, cancellation) == file.Sha256)
            {
                continue;
            }

            if (await store.DownloadAsync(tree.Child(name), path, cancellation) != file.Sha256)
            {
                File.Delete(path);
                throw Faults.Damaged(
                    tree.Child(name), $"It does not have the SHA-256 that {ArtifactManifest.FileName} gives.");
            }
        }

        return manifest;
    }

    /// <summary>Deletes a tree, its manifest first.</summary>
    /// <param name="tree">Its root.</param>
    /// <param name="cancellation">Cancels the call; the files that are left are unreachable then.</param>
    /// <returns>A task that completes when nothing is left.</returns>
    /// <exception cref="ArtifactException">Something was not deleted.</exception>
    public async Task DeleteAsync(ArtifactUri tree, CancellationToken cancellation)
    {
        await store.DeleteAsync(tree.Child(ArtifactManifest.FileName), null, cancellation);
        await DeleteFilesAsync(tree, _ => true, cancellation);
    }

    /// <summary>Lists the roots of all whole trees below a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The roots, in the ordinal order of their paths.</returns>
    /// <exception cref="ArtifactException">The store cannot tell.</exception>
    public async Task<IReadOnlyList<ArtifactUri>> ListAsync(ArtifactUri folder, CancellationToken cancellation) =>
        [.. RootsOf(await NamesAsync(folder, cancellation)).Select(root => root.Length == 0
            ? folder : folder.Child(root))];

    /// <summary>Lists what is below a folder and belongs to no whole tree: the rests of broken writes.</summary>
    /// <param name="folder">The folder; trees that are being written now belong to it too, so ask when none is.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The artifacts.</returns>
    /// <exception cref="ArtifactException">The store cannot tell.</exception>
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

    private static IEnumerable<string> RootsOf(IEnumerable<string> names) => names
        .Where(name => name == ArtifactManifest.FileName
            || name.EndsWith($"/{ArtifactManifest.FileName}", StringComparison.Ordinal))
        .Select(name => name[..^ArtifactManifest.FileName.Length].TrimEnd('/'));

    private static List<(string Name, string Path)> FilesOf(string folder) => Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
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
        await using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellation));
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
