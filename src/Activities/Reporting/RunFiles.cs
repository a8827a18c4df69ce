using System.Text;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>The files of a run that people and other services read: reports and comparisons.</summary>
public static class RunFiles
{
    /// <summary>Writes a file to the run's folder, whole or not at all, and to the store if other services read
    /// it.</summary>
    /// <param name="ledger">Has the run's folder and the store.</param>
    /// <param name="runId">The run.</param>
    /// <param name="file">The file's name.</param>
    /// <param name="text">Its content.</param>
    public static async Task WriteAsync(RunLedger ledger, RunId runId, string file, string text)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        if (ledger.State.IsShared)
        {
            ledger.State.Write(RunLedger.NameOf(runId, file), Encoding.UTF8.GetBytes(text));
        }

        var path = Path.Combine(ledger.DirectoryOf(runId), file);
        var aside = path + ".new";
        await File.WriteAllTextAsync(aside, text, new UTF8Encoding(false));
        File.Move(aside, path, overwrite: true);
    }

    /// <summary>Reads a file, from wherever it was written.</summary>
    /// <param name="ledger">Has the run's folder and the store.</param>
    /// <param name="runId">The run.</param>
    /// <param name="file">The file's name.</param>
    /// <returns>The content; null if it is not written.</returns>
    public static byte[]? Read(RunLedger ledger, RunId runId, string file)
    {
        ArgumentNullException.ThrowIfNull(ledger);
        if (ledger.State.IsShared)
        {
            return ledger.State.Read(RunLedger.NameOf(runId, file));
        }

        var path = Path.Combine(ledger.DirectoryOf(runId), file);
        return File.Exists(path) ? File.ReadAllBytes(path) : null;
    }
}
