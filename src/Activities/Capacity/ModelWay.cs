using Workflows.Activities.Artifacts;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>The way of a run's model to its nodes, and its egress.</summary>
/// <param name="catalog">The prices of egress.</param>
/// <param name="from">The model's address.</param>
/// <param name="bytes">Its size.</param>
/// <param name="copyUsd">Egress in US dollars for the copy to the run's bucket.</param>
/// <param name="bucketPlace">Location of that bucket, empty if it cannot be read; null if nodes load it from
/// elsewhere.</param>
internal sealed class ModelWay(
    PriceCatalog catalog, string from, long bytes, double copyUsd, string? bucketPlace)
{
    private const double Gibibyte = 1L << 30;

    /// <summary>Finds the way of a run's model; a rehearsal's costs nothing.</summary>
    /// <param name="catalog">The prices of egress.</param>
    /// <param name="artifacts">The places of artifacts.</param>
    /// <param name="spec">The run.</param>
    /// <param name="source">The model.</param>
    /// <param name="cancellation">Cancels the questions for the buckets' locations.</param>
    /// <returns>null if nothing is transferred.</returns>
    /// <exception cref="RunFaultException">A bucket cannot be asked.</exception>
    public static async Task<ModelWay?> FindAsync(
        PriceCatalog catalog, RunArtifacts artifacts, RunSpec spec, ModelSource source, CancellationToken cancellation)
    {
        if (spec.IsRehearsal || artifacts.Setting is not { Scheme: ArtifactScheme.CloudStorage } bucket)
        {
            return source.IsLocal ? null : new ModelWay(catalog, source.Address.ToText(), source.Bytes, 0, null);
        }

        var stores = artifacts.StoreOf(spec);
        var place = await LocationAsync(bucket);

        // Transfers into Google's cloud are free.
        var copy = source.Address.Scheme == ArtifactScheme.CloudStorage
            ? catalog.EgressUsdPerGiB(await LocationAsync(source.Address), place) * source.Bytes / Gibibyte
            : 0;
        return new ModelWay(catalog, source.Address.ToText(), source.Bytes, copy, place);

        Task<string> LocationAsync(ArtifactUri uri) => RunArtifacts.GuardAsync(async () =>
        {
            try
            {
                return await stores.LocationOfAsync(uri, cancellation);
            }
            catch (ArtifactException exception) when (exception.Fault == ArtifactFault.Forbidden)
            {
                // An account that may read objects may lack the right to read the bucket's location; the dearest is
                // assumed.
                return "";
            }
        });
    }

    /// <summary>Returns the egress each time that a node of a region loads the model.</summary>
    /// <param name="region">The region.</param>
    /// <returns>US dollars.</returns>
    public double LoadUsd(string region) =>
        bucketPlace is null ? 0 : catalog.EgressUsdPerGiB(bucketPlace, region) * bytes / Gibibyte;

    /// <summary>Describes the transfer to a node of a region.</summary>
    /// <param name="region">The region.</param>
    /// <returns>The transfer.</returns>
    public ModelTransfer To(string region) => new(from, bytes, copyUsd, LoadUsd(region));
}
