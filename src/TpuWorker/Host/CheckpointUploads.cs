using System.Globalization;
using System.Text.Json;
using Workflows.Artifacts;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// Keeps the checkpoints of a training in a store while the training goes on. They are written to a folder of this
/// machine first; one upload is in flight at a time, and the next checkpoint waits for it. <b>Invariant:</b> a step
/// counts once its tree is whole in the store, and an older tree goes only after that.
/// </summary>
/// <param name="store">The store.</param>
/// <param name="root">The training's checkpoints there, a tree each.</param>
/// <param name="folder">The folder here.</param>
/// <param name="keep">The newest checkpoints that are kept there, besides the best.</param>
internal sealed class CheckpointUploads(IArtifactStore store, ArtifactUri root, string folder, int keep)
{
    private const string Prefix = "step-", ManifestFile = "manifest.json";

    private readonly ArtifactTree _tree = new(store);
    private Task _upload = Task.CompletedTask;

    /// <summary>Gets the newest step that is whole in the store; 0: none.</summary>
    public int Step { get; private set; }

    /// <summary>Gets why the last upload failed; null where it did not.</summary>
    public string? Fault => LastFault?.Message;

    private ArtifactException? LastFault { get; set; }

    /// <summary>The step of the newest checkpoint in a folder of this machine; 0: none.</summary>
    public static int NewestIn(string folder) => !Directory.Exists(folder)
        ? 0
        : Directory.EnumerateDirectories(folder, $"{Prefix}*")
            .Where(path => File.Exists(Path.Combine(path, ManifestFile)))
            .Select(path => StepOf(Path.GetFileName(path)) ?? 0).DefaultIfEmpty().Max();

    /// <summary>
    /// Brings the newest whole checkpoint to the folder, and the best one that it speaks of. What an upload that broke
    /// left behind is removed: no other worker of this training is alive.
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
                // As with a damaged one on a disk: an older one is used.
                LastFault = exception;
                if (Directory.Exists(PathOf(step)))
                {
                    Directory.Delete(PathOf(step), recursive: true);
                }

                continue;
            }

            Step = step;
            if (BestOf(PathOf(step)) is { } best && best != step
                && await _tree.FindAsync(TreeOf(best), stop) is not null)
            {
                await _tree.ReadAsync(TreeOf(best), PathOf(best), stop);
            }

            return;
        }
    }

    /// <summary>Begins to upload a checkpoint, once the one before it is there; on the training's thread.</summary>
    public void Add(string path, int step, CancellationToken stop)
    {
        try
        {
            _upload.Wait(stop);
        }
        catch (OperationCanceledException)
        {
            // The end of the training looks for the newest one.
            return;
        }

        _upload = Task.Run(() => UploadAsync(path, step, CancellationToken.None), CancellationToken.None);
    }

    /// <summary>Uploads the newest checkpoint of the folder, if it is not there yet.</summary>
    /// <param name="limit">The most time for it; null: as long as it takes.</param>
    /// <exception cref="ArtifactException">It was not uploaded.</exception>
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
            // Whoever goes on from this one ends with the weights of the best: they must be there before it.
            var best = BestOf(path);
            if (best is { } other && other != step && Directory.Exists(PathOf(other))
                && await _tree.FindAsync(TreeOf(other), stop) is null)
            {
                await _tree.WriteAsync(TreeOf(other), PathOf(other), stop);
            }

            await _tree.WriteAsync(TreeOf(step), path, stop);
            (Step, LastFault) = (Math.Max(Step, step), null);
            foreach (var (old, tree) in (await ListAsync(stop)).Where(each => each.Step != step).Skip(keep - 1)
                .Where(each => each.Step != best))
            {
                await _tree.DeleteAsync(tree, stop);
            }
        }
        catch (ArtifactException exception)
        {
            // Training is worth more than a checkpoint: the next one is tried, and people are told.
            LastFault = exception;
        }
        catch (OperationCanceledException)
        {
            // No time is left; what arrived has no manifest, and is no checkpoint.
        }
    }

    /// <summary>Whole ones, newest first.</summary>
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

    /// <summary>The step of the best measurement that a checkpoint speaks of.</summary>
    private static int? BestOf(string path)
    {
        using var manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(path, ManifestFile)));
        return manifest.RootElement.TryGetProperty("bestScore", out var best)
            && best.ValueKind == JsonValueKind.Object && best.TryGetProperty("step", out var step)
                ? step.GetInt32()
                : null;
    }
}
