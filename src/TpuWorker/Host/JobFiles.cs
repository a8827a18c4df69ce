using System.Security.Cryptography;
using System.Text;
using Workflows.Artifacts;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// Brings the artifacts that a job names to this machine's disk. What is on this machine already is used where it is.
/// </summary>
/// <param name="store">Where artifacts are read and written.</param>
/// <param name="folder">A folder of this worker alone; created when it is needed, empty or from an earlier job.</param>
internal sealed class JobFiles(IArtifactStore store, string folder)
{
    /// <summary>Gets where artifacts are read and written.</summary>
    public IArtifactStore Store => store;

    /// <summary>A folder of this worker, for what a job makes.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>Its path; it need not exist.</returns>
    public string FolderOf(string name) => Path.Combine(folder, name);

    /// <summary>Brings a file here.</summary>
    /// <param name="address">Its address or path.</param>
    /// <param name="stop">Cancels the call.</param>
    /// <returns>Its path here.</returns>
    /// <exception cref="ArtifactException">It cannot be had.</exception>
    public async Task<string> FileAsync(string address, CancellationToken stop)
    {
        var uri = ArtifactUri.Parse(address);
        if (uri.Scheme == ArtifactScheme.File)
        {
            return uri.Path;
        }

        var path = Path.Combine(folder, "files", KeyOf(uri), uri.Name);
        await store.DownloadAsync(uri, path, stop);
        return path;
    }

    /// <summary>Brings a model here: a tree through its manifest, any other folder by the files that count.</summary>
    /// <param name="address">Its address or path.</param>
    /// <param name="stop">Cancels the call.</param>
    /// <returns>The folder here.</returns>
    /// <exception cref="ArtifactException">It cannot be had, or is not whole.</exception>
    public async Task<string> ModelAsync(string address, CancellationToken stop)
    {
        var uri = ArtifactUri.Parse(address);
        if (uri.Scheme == ArtifactScheme.File)
        {
            return uri.Path;
        }

        var target = Path.Combine(folder, "models", KeyOf(uri));
        var tree = new ArtifactTree(store);
        if (uri.Scheme != ArtifactScheme.Hub && await tree.FindAsync(uri, stop) is not null)
        {
            await tree.ReadAsync(uri, target, stop);
            return target;
        }

        var found = 0;
        await foreach (var file in store.ListAsync(uri, stop))
        {
            if (file.Uri.RelativeTo(uri) is { } name && TextModelFiles.IsNeeded(name))
            {
                found++;
                await store.DownloadAsync(file.Uri, Path.Combine(target, name), stop);
            }
        }

        return found > 0
            ? target
            : throw new ArtifactException(
                ArtifactFault.NotFound, address, "It has none of a model's files.",
                "Name the folder that has config.json, tokenizer.json and *.safetensors.");
    }

    private static string KeyOf(ArtifactUri uri) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{uri}")))[..16];
}
