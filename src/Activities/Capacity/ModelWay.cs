using Workflows.Activities.Artifacts;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>The way of a run's model to its nodes, and the egress of all that the run moves between its bucket and them
/// (ADR 0037).</summary>
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

    /// <summary>Gets what the run moves besides the model; null for nothing.</summary>
    public RunTraffic? Traffic { get; init; }

    /// <summary>Returns the same way with what the run moves besides the model.</summary>
    /// <param name="traffic">The transfers.</param>
    public ModelWay With(RunTraffic traffic) => new(catalog, from, bytes, copyUsd, bucketPlace) { Traffic = traffic };

    /// <summary>Returns the egress each time that a node of a region loads the model.</summary>
    /// <param name="region">The region.</param>
    /// <returns>US dollars.</returns>
    public double LoadUsd(string region) => UsdPerGib(region) * bytes / Gibibyte;

    /// <summary>Returns the expected egress of a run that has its nodes in a region.</summary>
    /// <param name="region">The region.</param>
    /// <param name="losses">Losses that are expected: each is followed by another node, which reads all again.</param>
    /// <returns>The parts.</returns>
    public EgressEstimate EgressIn(string region, double losses)
    {
        var price = UsdPerGib(region);
        var checkpoint = Traffic?.CheckpointBytes ?? 0;
        var read = losses + (Traffic is { BeginsWithCheckpoint: true } ? 1 : 0);
        return new EgressEstimate(
            Usd(bytes * (1 + losses)), Usd((Traffic?.CorpusBytes ?? 0) * (1 + losses)),
            Usd(checkpoint * ((Traffic?.Checkpoints ?? 0) + (Traffic is { Checkpoints: > 0 } ? read : 0))),
            Usd(Traffic?.ResultBytes ?? 0))
        {
            UsdPerGib = price,
            Nodes = 1 + losses,
            ModelBytes = bytes,
            CorpusBytes = Traffic?.CorpusBytes,
            CheckpointBytes = Traffic?.CheckpointBytes,
            Checkpoints = Traffic?.Checkpoints ?? 0,
            Basis = Traffic?.Basis,
        };

        double Usd(double moved) => price * moved / Gibibyte;
    }

    /// <summary>Notes the prices of a plan's places, by which the egress of its run is computed.</summary>
    /// <param name="places">All places of the plan, the first one first.</param>
    /// <param name="losses">Losses that are expected at the first place.</param>
    /// <returns>null if nodes load nothing from a bucket.</returns>
    public EgressPlan? PlanOf(IReadOnlyList<Candidate> places, double losses) => bucketPlace is null ? null
        : new EgressPlan(
            bucketPlace,
            places.Select(place => place.Region).Distinct(StringComparer.Ordinal).ToDictionary(
                region => region, UsdPerGib, StringComparer.Ordinal),
            EgressIn(places[0].Region, losses));

    private double UsdPerGib(string region) =>
        bucketPlace is null ? 0 : catalog.EgressUsdPerGiB(bucketPlace, region);

    /// <summary>Describes the transfer to a node of a region.</summary>
    /// <param name="region">The region.</param>
    /// <returns>The transfer.</returns>
    public ModelTransfer To(string region) => new(from, bytes, copyUsd, LoadUsd(region));
}
