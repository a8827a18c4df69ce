using System.Security.Cryptography;
using System.Text;
using Workflows.Artifacts;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// Copies the artifacts that a job names to this machine's disk. Files that are on this machine already are used in
/// place.
/// </summary>
/// <param name="store">The store of artifacts.</param>
/// <param name="folder">A folder of this worker only; created when needed, empty or with files of an earlier
/// job.</param>
internal sealed class JobFiles(IArtifactStore store, string folder)
{
    private const string Models = "models", Files = "files";

    private readonly MeteredStore _store = new(store);

    /// <summary>Gets the store of artifacts.</summary>
    public IArtifactStore Store => _store;

    /// <summary>Gets the bytes that were read from buckets, and those written to them, by all jobs.</summary>
    public (long Read, long Written) Moved => _store.Moved;

    /// <summary>
    /// Returns a folder of this worker for a job's results. A worker may work for one run after the other: results that
    /// belong at another address are deleted, since they are there, and the disk is for those of this job.
    /// </summary>
    /// <param name="kind">Kind of the results.</param>
    /// <param name="address">The address to which they are written.</param>
    /// <returns>Its path; it need not exist.</returns>
    public string ResultsOf(string kind, ArtifactUri address)
    {
        var parent = Path.Combine(folder, kind);
        var mine = Path.Combine(parent, KeyOf(address));
        if (Directory.Exists(parent))
        {
            foreach (var other in Directory.GetDirectories(parent).Where(each => each != mine))
            {
                Directory.Delete(other, recursive: true);
            }
        }

        return mine;
    }

    /// <summary>
    /// Deletes the copies of models and files that a job does not name: a worker that works for one run after the other
    /// would keep the tuned model of each, until its disk is full.
    /// </summary>
    /// <param name="addresses">The addresses that the job names; empty ones are left out.</param>
    /// <exception cref="ArtifactException">One of them is no address.</exception>
    public void KeepOnly(params IEnumerable<string> addresses)
    {
        var kept = addresses.Where(each => each.Length > 0).Select(each => KeyOf(ArtifactUri.Parse(each))).ToHashSet();
        foreach (var other in new[] { Models, Files }.Select(each => Path.Combine(folder, each))
            .Where(Directory.Exists).SelectMany(Directory.GetDirectories)
            .Where(each => !kept.Contains(Path.GetFileName(each))))
        {
            Directory.Delete(other, recursive: true);
        }
    }

    /// <summary>Copies a file to this machine.</summary>
    /// <param name="address">Its address or path.</param>
    /// <param name="stop">Cancels the call.</param>
    /// <returns>Its path on this machine.</returns>
    /// <exception cref="ArtifactException">The file cannot be read.</exception>
    public async Task<string> FileAsync(string address, CancellationToken stop)
    {
        var uri = ArtifactUri.Parse(address);
        if (uri.Scheme == ArtifactScheme.File)
        {
            return uri.Path;
        }

        var path = Path.Combine(folder, Files, KeyOf(uri), uri.Name);
        await _store.DownloadAsync(uri, path, stop);
        return path;
    }

    /// <summary>Copies a model: a tree by its manifest, any other folder by the files of a model.</summary>
    /// <param name="address">Its address or path.</param>
    /// <param name="stop">Cancels the call.</param>
    /// <returns>The folder on this machine.</returns>
    /// <exception cref="ArtifactException">The model cannot be read, or is not complete.</exception>
    public async Task<string> ModelAsync(string address, CancellationToken stop)
    {
        var uri = ArtifactUri.Parse(address);
        if (uri.Scheme == ArtifactScheme.File)
        {
            return uri.Path;
        }

        var target = Path.Combine(folder, Models, KeyOf(uri));
        var tree = new ArtifactTree(_store);
        if (uri.Scheme != ArtifactScheme.Hub && await tree.FindAsync(uri, stop) is not null)
        {
            await tree.ReadAsync(uri, target, stop);
            return target;
        }

        var found = 0;
        await foreach (var file in _store.ListAsync(uri, stop))
        {
            if (file.Uri.RelativeTo(uri) is { } name && TextModelFiles.IsNeeded(name))
            {
                found++;
                await _store.DownloadAsync(file.Uri, Path.Combine(target, name), stop);
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
