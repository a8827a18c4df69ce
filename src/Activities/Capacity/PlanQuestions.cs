using System.Globalization;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Readiness;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>The questions to the cloud that a preview asks, and the notes about its order.</summary>
internal static class PlanQuestions
{
    private const string NoQuotas = "Quotas were not read";

    /// <summary>Longest time for which the cloud is asked; a preview does without its answer, a run does not.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Asks where the buckets of the model are, and for the quotas of a run that pays. What is not answered is
    /// a note.</summary>
    /// <param name="catalog">The prices of egress.</param>
    /// <param name="artifacts">The places of artifacts.</param>
    /// <param name="readiness">Reads quotas; null to read none.</param>
    /// <param name="clock">Limits the time of the answers.</param>
    /// <param name="spec">The run.</param>
    /// <param name="source">Its model.</param>
    /// <param name="cancellation">Cancels the questions.</param>
    /// <returns>The model's way, the quotas, and the notes.</returns>
    public static async Task<(ModelWay? Model, QuotaLimits Quotas, IReadOnlyList<string> Notes)> AskAsync(
        PriceCatalog catalog, RunArtifacts artifacts, CloudReadiness? readiness, TimeProvider clock, RunSpec spec,
        ModelSource source, CancellationToken cancellation)
    {
        var notes = new List<string>();
        var model = await WithinAsync(
            stop => ModelWay.FindAsync(catalog, artifacts, spec, source, stop),
            "Egress is not counted, the place of the model's bucket or of the run's was not read");
        var quotas = spec.IsRehearsal || readiness is null
            ? null : await WithinAsync(stop => Nullable(readiness.QuotasAsync(spec.Project, stop)), NoQuotas);
        if (quotas?.Problem is { } problem)
        {
            notes.Add($"{NoQuotas}: {problem}");
        }

        if (model?.To("").CopyUsd is > 0 and var copy)
        {
            notes.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"The copy of the model to the run's bucket, made once, costs {copy:0.00##} USD of egress, which is "
                + $"not in the estimate."));
        }

        return (model, quotas ?? QuotaLimits.Unknown, notes);

        async Task<T?> WithinAsync<T>(Func<CancellationToken, Task<T?>> ask, string without)
            where T : class
        {
            using var late = new CancellationTokenSource(Patience, clock);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
            try
            {
                return await ask(stop.Token).WaitAsync(stop.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                notes.Add($"{without}: no answer within {Patience.TotalSeconds:0} s.");
                return null;
            }
            catch (Exception exception) when (exception is RunFaultException or RunOutageException
                or InvalidOperationException or HttpRequestException)
            {
                notes.Add($"{without}: {exception.Message}");
                return null;
            }
        }

        static async Task<T?> Nullable<T>(Task<T> task)
            where T : class => await task;
    }

    /// <summary>Tells of an order that costs more than another, of types whose order is not the request's, and of
    /// quotas that are too small everywhere.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="rows">Its places in order.</param>
    /// <returns>Notes.</returns>
    public static IEnumerable<string> OrderNotes(RunSpec spec, IReadOnlyList<PlannedPlace> rows)
    {
        List<PlannedPlace> tried = [.. rows.Where(row => row.IsIn)];
        if (tried is [var first, ..] && tried.MinBy(row => row.Expected!.ExpectedUsd) is { } best
            && spec.Tpu.Order == PlaceOrder.Listed
            && best.Expected!.ExpectedUsd < first.Expected!.ExpectedUsd)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"The order is the request's: {best.AcceleratorType} in {best.Zone} is expected to cost "
                + $"{first.Expected.ExpectedUsd - best.Expected.ExpectedUsd:0.00##} USD less than the first place. "
                + $"tpu.order \"cost\" tries it first.");
        }
        else if (spec.Tpu is { Order: PlaceOrder.Cost, AcceleratorTypes.Count: > 1 })
        {
            yield return "Types are in the order of their expected cost; tpu.order \"listed\" keeps the order of the "
                + "request.";
        }

        if (tried.Count > 0 && tried.TrueForAll(row => row.Quota is not null))
        {
            yield return "Every place's quota is known to be too small: " + QuotaLimits.Words(
                tried[0].Quota!, tried[0].AcceleratorType) + ". The run asks all the same, and the cloud will refuse.";
        }
    }
}
