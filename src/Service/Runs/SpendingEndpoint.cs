using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves GET /spending: the spending of today and of this month, the limits, and the runs that may still
/// spend.</summary>
internal static class SpendingEndpoint
{
    public static void MapSpending(this IEndpointRouteBuilder routes) => routes.MapGet(
        "/spending", async (SpendLimits limits, CancellationToken cancellation) =>
            TypedResults.Ok(await limits.ViewAsync(cancellation)))
        .Described("showSpending", "Shows the spending of the day and the month, and the limits.");
}
