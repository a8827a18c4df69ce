using System.Globalization;
using Workflows.Activities.Capacity;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.Service.Files;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves POST /plan: places, estimate and alternatives of a request. Starts and rents nothing.</summary>
internal static class PlanEndpoint
{
    private const double MostHours = 10_000;

    public static void MapPlan(this IEndpointRouteBuilder routes) => routes.MapPost("/plan", PreviewAsync)
        .Described("planRun", "Previews places, estimate and alternatives of a request; starts nothing.", 400, 413, 422)
        .HasBody<RunRequest>().Produces<PlanPreview>();

    private static async Task<IResult> PreviewAsync(
        HttpRequest http, string? withinHours, RunPlanner planner, PriceCatalog catalog, SpendLimits limits,
        UploadReferences uploads, InputRoots roots, TimeProvider clock, CancellationToken cancellation)
    {
        var hours = Hours(withinHours);
        var request = uploads.Resolve(
            RunRequestReader.Parse(await RunEndpoints.ReadAsync(http.Body, cancellation)));
        var spec = RunRequestReader.Complete(request, new RunId("plan"), catalog, roots);
        DeadlineReader.RequireAhead(spec, clock.GetUtcNow());
        try
        {
            var plan = spec.Variants is null
                ? await planner.PreviewAsync(spec, hours, cancellation)
                : await PreviewVariantsAsync(spec, hours, planner, cancellation);
            if (spec.IsRehearsal)
            {
                return TypedResults.Ok(plan);
            }

            var spending = await limits.ViewAsync(cancellation);
            return TypedResults.Ok(plan with
            {
                Notes = [.. plan.Notes, .. spending.Sentences()],
                Refusal = limits.Refusal(spec, spending) is { } error
                    ? new RunFailure(RunRequestException.SpendLimit, error.Message, error.Fix) : plan.Refusal,
            });
        }
        catch (RunFaultException exception)
        {
            // A run of this request would end with this fault before it had a place.
            return Problems.Of(
                StatusCodes.Status422UnprocessableEntity, exception.Failure.Code,
                $"{exception.Failure.Message} {exception.Failure.Fix}");
        }
    }

    /// <summary>Previews each variant, and adds up their time and money.</summary>
    private static async Task<PlanPreview> PreviewVariantsAsync(
        RunSpec group, double? hours, RunPlanner planner, CancellationToken cancellation)
    {
        var plans = new List<PlanPreview>();
        foreach (var variant in group.Variants!)
        {
            plans.Add(await planner.PreviewAsync(
                variant.Spec with { AllowOverBudget = true }, hours, cancellation));
        }

        List<VariantPlan> rows = [.. plans.Zip(group.Variants!, (plan, variant) => new VariantPlan(
            variant.Name, plan.EstimatedSeconds, plan.EstimatedUsd, plan.Refusal))];
        return plans[0] with
        {
            Variants = rows,
            SecondsUntilDone = PlanVariantsActivity.Makespan(
                rows.Select(row => row.EstimatedSeconds), group.Concurrency),
            Estimate = [.. plans.SelectMany(plan => plan.Estimate).GroupBy(part => part.Stage).Select(parts =>
                parts.First() with
                {
                    Seconds = parts.Sum(part => part.Seconds),
                    Usd = parts.Sum(part => part.Usd),
                })],
            EstimatedSeconds = rows.Sum(row => row.EstimatedSeconds),
            EstimatedUsd = rows.Sum(row => row.EstimatedUsd),
            Egress = EgressEstimate.Sum(plans.Select(plan => plan.Egress).OfType<EgressEstimate>()),
            Refusal = PlanVariantsActivity.OverBudget(group, plans)?.Failure
                ?? rows.Find(row => row.Refusal is not null)?.Refusal,
            Notes = [.. plans.SelectMany(plan => plan.Notes).Distinct(StringComparer.Ordinal)],
        };
    }

    private static double? Hours(string? text) => text is null ? null
        : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var hours)
            && hours is > 0 and <= MostHours
            ? hours
            : throw new RunRequestException([new FieldError(
                "withinHours", $"'{SafeText.Of(text, 100)}' is no number of hours.",
                $"Use more than 0 and at most {MostHours}, or leave it out.")]);
}
