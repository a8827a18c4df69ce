using System.Globalization;
using System.Text.Json;
using Workflows.Artifacts;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// Keeps the checkpoints of a training in a store while the training continues. They are written to a folder of this
/// machine first; one upload is in flight at a time, and the next checkpoint waits for it. <b>Invariant:</b> a step
/// counts once its tree is complete in the store, and older trees are deleted only after that.
/// </summary>
/// <param name="store">The store.</param>
/// <param name="root">The root of the training's checkpoints in the store, one tree each.</param>
/// <param name="folder">The folder on this machine.</param>
/// <param name="keep">Number of the newest checkpoints that are kept in the store, besides the best.</param>
internal sealed class CheckpointUploads(IArtifactStore store, ArtifactUri root, string folder, int keep)
{
    private const string Prefix = "step-", ManifestFile = "manifest.json";

    private readonly ArtifactTree _tree = new(store);
    private Task _upload = Task.CompletedTask;

    /// <summary>Gets the newest step that is complete in the store; 0 for none.</summary>
    public int Step { get; private set; }

    /// <summary>Gets the reason why the last upload failed; null if it did not.</summary>
    public string? Fault => LastFault?.Message;

    private ArtifactException? LastFault { get; set; }

    /// <summary>Returns the step of the newest checkpoint in a folder of this machine; 0 for none.</summary>
    public static int NewestIn(string folder) => !Directory.Exists(folder)
        ? 0
        : Directory.EnumerateDirectories(folder, $"{Prefix}*")
            .Where(path => File.Exists(Path.Combine(path, ManifestFile)))
            .Select(path => StepOf(Path.GetFileName(path)) ?? 0).DefaultIfEmpty().Max();

    /// <summary>
    /// Downloads the newest complete checkpoint to the folder, and the best one that it refers to. The rest of
    /// interrupted uploads is removed, since no other worker of this training is alive.
    /// </summary>
    public async Task RestoreAsync(CancellationToken stop)
    {
        foreach (var rest in await _tree.UnreachableAsync(root, stop))
        {
            await store.DeleteAsync(rest, null, stop);
        }

        foreach (var (step, tree) in await ListAsync(stop))
        {
            try
            {
                await _tree.ReadAsync(tree, PathOf(step), stop);
            }
            catch (ArtifactException exception) when (
                exception.Fault is ArtifactFault.Damaged or ArtifactFault.Truncated or ArtifactFault.NotFound)
            {
                // As with a damaged checkpoint on a disk, an older one is used.
                LastFault = exception;
                if (Directory.Exists(PathOf(step)))
                {
                    Directory.Delete(PathOf(step), recursive: true);
                }

                continue;
            }

            Step = step;
            var best = BestOf(PathOf(step));
            if (best is { } other && other != step && await _tree.FindAsync(TreeOf(other), stop) is not null)
            {
                await _tree.ReadAsync(TreeOf(other), PathOf(other), stop);
            }

            await PruneAtStartAsync(step, best, stop);
            return;
        }
    }

    /// <summary>Starts to upload a checkpoint, once the one before it is uploaded; called on the training's
    /// thread.</summary>
    public void Add(string path, int step, CancellationToken stop)
    {
        try
        {
            _upload.Wait(stop);
        }
        catch (OperationCanceledException)
        {
            // Handled at the end of the training, which uploads the newest one.
            return;
        }

        _upload = Task.Run(() => UploadAsync(path, step, CancellationToken.None), CancellationToken.None);
    }

    /// <summary>Uploads the newest checkpoint of the folder, if it is not there yet.</summary>
    /// <param name="limit">The most time for it; null for no limit.</param>
    /// <exception cref="ArtifactException">The upload failed.</exception>
    public async Task FinishAsync(TimeSpan? limit)
    {
        using var end = new CancellationTokenSource(limit ?? Timeout.InfiniteTimeSpan);
        await _upload.WaitAsync(end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var newest = NewestIn(folder);
        if (newest > Step && _upload.IsCompleted)
        {
            await UploadAsync(PathOf(newest), newest, end.Token);
        }

        if (limit is null && LastFault is { } fault && newest > Step)
        {
            throw fault;
        }
    }

    private async Task UploadAsync(string path, int step, CancellationToken stop)
    {
        try
        {
            // A worker that resumes from this one may end with the weights of the best, which must be uploaded first.
            var best = BestOf(path);
            if (best is { } other && other != step && Directory.Exists(PathOf(other))
                && await _tree.FindAsync(TreeOf(other), stop) is null)
            {
                await _tree.WriteAsync(TreeOf(other), PathOf(other), stop);
            }

            await _tree.WriteAsync(TreeOf(step), path, stop);
            (Step, LastFault) = (Math.Max(Step, step), null);
            await PruneAsync(step, best, stop);
        }
        catch (ArtifactException exception)
        {
            // Training matters more than a checkpoint: the failure is logged, and the next one is tried.
            LastFault = exception;
        }
        catch (OperationCanceledException)
        {
            // No time is left; the incomplete tree has no manifest, so it is no checkpoint.
        }
    }

    /// <summary>Deletes what a machine that was lost after its last upload has left: a training that is done uploads
    /// nothing more.</summary>
    private async Task PruneAtStartAsync(int step, int? best, CancellationToken stop)
    {
        try
        {
            await PruneAsync(step, best, stop);
        }
        catch (ArtifactException exception)
        {
            // One checkpoint too many is no reason not to train.
            LastFault = exception;
        }
    }

    /// <summary>Deletes the oldest checkpoints beyond those that are kept.</summary>
    private async Task PruneAsync(int step, int? best, CancellationToken stop)
    {
        foreach (var (_, tree) in (await ListAsync(stop)).Where(each => each.Step != step).Skip(keep - 1)
            .Where(each => each.Step != best))
        {
            await _tree.DeleteAsync(tree, stop);
        }
    }

    /// <summary>Lists the complete checkpoints, newest first.</summary>
    private async Task<IReadOnlyList<(int Step, ArtifactUri Tree)>> ListAsync(CancellationToken stop) =>
        [.. (await _tree.ListAsync(root, stop)).Select(tree => (Step: StepOf(tree.Name), Tree: tree))
            .Where(each => each.Step is not null).Select(each => (each.Step!.Value, each.Tree))
            .OrderByDescending(each => each.Value)];

    private string PathOf(int step) => Path.Combine(folder, NameOf(step));

    private ArtifactUri TreeOf(int step) => root.Child(NameOf(step));

    private static string NameOf(int step) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D8}");

    private static int? StepOf(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal)
        && int.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var step)
            ? step
            : null;

    /// <summary>Returns the step of the best measurement that a checkpoint refers to.</summary>
    private static int? BestOf(string path)
    {
        using var manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(path, ManifestFile)));
        return manifest.RootElement.TryGetProperty("bestScore", out var best)
            && best.ValueKind == JsonValueKind.Object && best.TryGetProperty("step", out var step)
                ? step.GetInt32()
                : null;
    }
}
