using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Workflows.DurableTask.Sidecar;

/// <summary>Serves the status of a running engine as JSON, for people and probes. It changes nothing.</summary>
public static class StatusEndpoints
{
    private const int DefaultCount = 100;
    private const int MostCount = 1000;
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(36_500);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
    };

    /// <summary>Serves <c>/healthz</c>, <c>/instances</c>, <c>/instances/{id}</c> and <c>/queues</c>.</summary>
    /// <param name="routes">The application.</param>
    /// <returns>The group, with which the caller can restrict hosts or add authorization.</returns>
    /// <remarks>Ids, names and times are shown; inputs, outputs and events are not.</remarks>
    public static RouteGroupBuilder MapTaskHubStatus(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup(string.Empty);
        group.MapGet("/healthz", Health);
        group.MapGet("/instances", InstancesAsync);
        group.MapGet("/instances/{id}", InstanceAsync);
        group.MapGet("/queues", QueuesAsync);
        return group;
    }

    private static IResult Health(TaskHubHost host) => host.IsHealthy
        ? Results.Json(new { status = "ok" }, Json)
        : Results.Json(new { status = "stopped" }, Json, statusCode: StatusCodes.Status503ServiceUnavailable);

    private static async Task<IResult> InstancesAsync(
        TaskHubHost host, string? hub, string? stuck, string? state, int? count)
    {
        var atLeast = TimeSpan.Zero;
        if (stuck is not null && (!TimeSpan.TryParse(stuck, CultureInfo.InvariantCulture, out atLeast)
            || atLeast < TimeSpan.Zero || atLeast > LongestWait))
        {
            return Results.Json(
                new { error = $"'{stuck}' is no time to wait; one looks like 00:05:00." },
                Json,
                statusCode: StatusCodes.Status400BadRequest);
        }

        int most = Math.Clamp(count ?? DefaultCount, 1, MostCount);
        return Results.Json(await host.Engine.Reports.ReportsAsync(hub, atLeast, state, most), Json);
    }

    private static async Task<IResult> InstanceAsync(TaskHubHost host, string id, string? hub) =>
        await host.Engine.Reports.ReportAsync(hub ?? "default", id) is { } report
            ? Results.Json(report, Json)
            : Results.Json(
                new { error = $"There is no unfinished orchestration '{id}'." },
                Json,
                statusCode: StatusCodes.Status404NotFound);

    private static async Task<IResult> QueuesAsync(TaskHubHost host) =>
        Results.Json(await host.Engine.Reports.QueuesAsync(), Json);
}
