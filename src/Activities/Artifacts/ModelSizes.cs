using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.ModelFiles;
using Workflows.Orchestrations;

namespace Workflows.Activities.Artifacts;

/// <summary>Reads the parts of a model that a plan needs: the sizes of its files and its configuration.</summary>
/// <param name="ledger">The ledger; it is not written to.</param>
/// <param name="artifacts">Resolves the stores.</param>
internal sealed class ModelSizes(RunLedger ledger, RunArtifacts artifacts)
{
    private const string Config = "config.json";

    /// <summary>Reads the file list and the configuration of a run's model.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The model's files, and its configuration; the configuration is null if it cannot be read, which the
    /// checks before renting report.</returns>
    /// <exception cref="RunFaultException">The model cannot be read.</exception>
    public async Task<(ModelSource Source, Gemma3Config? Config)> ReadAsync(
        RunSpec spec, CancellationToken cancellation)
    {
        var source = await new RunSources(ledger, artifacts).PeekModelAsync(spec, cancellation);
        return (source, await ConfigAsync(spec, source, cancellation));
    }

    /// <summary>Reads the configuration of a model that was found.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="source">The model.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>null if it cannot be read.</returns>
    public async Task<Gemma3Config?> ConfigAsync(RunSpec spec, ModelSource source, CancellationToken cancellation)
    {
        string? copy = null;
        try
        {
            if (source.IsLocal)
            {
                return Gemma3ConfigFile.Read(Path.Combine(source.Address.Path, Config));
            }

            copy = Path.Combine(Path.GetTempPath(), $"workflows-config-{Guid.NewGuid():N}.json");
            await artifacts.StoreOf(spec).DownloadAsync(source.Address.Child(Config), copy, cancellation);
            return Gemma3ConfigFile.Read(copy);
        }
        catch (Exception exception) when (exception is ModelFileException or ArtifactException or IOException)
        {
            return null;
        }
        finally
        {
            if (copy is not null && File.Exists(copy))
            {
                File.Delete(copy);
            }
        }
    }
}
