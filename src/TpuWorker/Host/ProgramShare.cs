using System.Text.RegularExpressions;
using Workflows.Artifacts;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// Keeps the compiled programs of a device with a run's artifacts, so that the run's next VM loads them. A program's
/// name is the hash of everything that decides it, so no other device loads it, and each file has the hash of its
/// bytes. No failure here fails a job: without a shared program the device compiles.
/// </summary>
/// <param name="store">The store of artifacts.</param>
/// <param name="root">The root of the programs in the store.</param>
/// <param name="folder">The device's own folder.</param>
/// <param name="log">Receives the programs that could not be shared.</param>
internal sealed partial class ProgramShare(IArtifactStore store, ArtifactUri root, string folder, TextWriter log)
{
    // The programs of a run are a few, of some tens of MB. More is not worth a full disk or minutes of download.
    private const long MostBytes = 2L << 30;

    private readonly HashSet<string> _shared = new(StringComparer.Ordinal);

    // Serializes uploads at checkpoints and at the job's end.
    private readonly Lock _lock = new();
    private Task _last = Task.CompletedTask;

    /// <summary>Downloads the programs of earlier VMs.</summary>
    /// <param name="stop">Cancels the call.</param>
    public Task BringAsync(CancellationToken stop) => TryAsync("brought", async () =>
    {
        var left = MostBytes;
        await foreach (var file in store.ListAsync(root, stop))
        {
            var name = file.Uri.Name;
            if (file.Uri.RelativeTo(root) != name || !Name().IsMatch(name) || file.Bytes > left)
            {
                continue;
            }

            left -= file.Bytes;
            var path = Path.Combine(folder, name);
            if (!File.Exists(path))
            {
                await store.DownloadAsync(file.Uri, path, stop);
            }

            _shared.Add(name);
        }
    });

    /// <summary>Uploads the programs compiled since.</summary>
    /// <param name="stop">Cancels the call.</param>
    public Task ShareAsync(CancellationToken stop) => TryAsync("shared", async () =>
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        foreach (var path in Directory.EnumerateFiles(folder))
        {
            var name = Path.GetFileName(path);
            if (Name().IsMatch(name) && !_shared.Contains(name) && new FileInfo(path).Length <= MostBytes)
            {
                await using var file = File.OpenRead(path);
                await store.WriteAsync(root.Child(name), file, WriteCondition.None, stop);
                _shared.Add(name);
            }
        }
    });

    private Task TryAsync(string what, Func<Task> work)
    {
        lock (_lock)
        {
            return _last = AfterAsync(_last, what, work);
        }
    }

    private async Task AfterAsync(Task last, string what, Func<Task> work)
    {
        await last;
        try
        {
            await work();
        }
        catch (OperationCanceledException)
        {
            // No time is left, so the next VM compiles.
        }
        catch (Exception exception) when (exception is ArtifactException or IOException or UnauthorizedAccessException)
        {
            await log.WriteLineAsync($"Compiled programs could not be {what}: {exception.Message}");
        }
    }

    [GeneratedRegex("^[0-9a-f]{64}[.]pjrt$")]
    private static partial Regex Name();
}
