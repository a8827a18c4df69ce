using System.Text.RegularExpressions;
using Workflows.Artifacts;

namespace Workflows.TpuWorker.Host;

/// <summary>
/// Keeps the compiled programs of a device with a run's artifacts, so that the run's next VM loads what this one has
/// compiled. A program's name is the hash of all that decides it, so that another device never loads it, and each file
/// carries the hash of its bytes. Nothing here can fail a job: without a shared program the device compiles.
/// </summary>
/// <param name="store">Where artifacts are read and written.</param>
/// <param name="root">The programs there.</param>
/// <param name="folder">The device's own folder.</param>
/// <param name="log">Told of programs that could not be shared.</param>
internal sealed partial class ProgramShare(IArtifactStore store, ArtifactUri root, string folder, TextWriter log)
{
    // Those of a run are a few, of some tens of MB. Neither a full disk nor minutes of download are worth more.
    private const long MostBytes = 2L << 30;

    private readonly HashSet<string> _shared = new(StringComparer.Ordinal);

    // Of checkpoints and of the job's end, one after the other.
    private readonly Lock _lock = new();
    private Task _last = Task.CompletedTask;

    /// <summary>Brings what earlier VMs have compiled.</summary>
    /// <param name="stop">Gives up.</param>
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

    /// <summary>Takes away what was compiled since.</summary>
    /// <param name="stop">Gives up.</param>
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
            // No time is left: the next VM compiles.
        }
        catch (Exception exception) when (exception is ArtifactException or IOException or UnauthorizedAccessException)
        {
            await log.WriteLineAsync($"Compiled programs could not be {what}: {exception.Message}");
        }
    }

    [GeneratedRegex("^[0-9a-f]{64}[.]pjrt$")]
    private static partial Regex Name();
}
