using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Api;

/// <summary>
/// Serves the calls with which programs check a project before they use it, of Cloud Resource Manager, Service Usage,
/// IAM and Cloud Quotas. The scenario decides the answers.
/// </summary>
internal static class ProjectApi
{
    private const string Tpu = "tpu.googleapis.com";

    public static void Map(IEndpointRouteBuilder routes, string[] hosts)
    {
        var projects = routes.MapGroup("/v1/projects").RequireHost(hosts);
        projects.MapGet("/{project}", (string project, EmulatedCloud cloud) => Json(new JsonObject
        {
            ["projectId"] = project,
            ["projectNumber"] = cloud.ScenarioOf(project).ProjectNumber,
            ["lifecycleState"] = "ACTIVE",
        }));
        projects.MapPost("/{project}:testIamPermissions", async (
            string project, HttpRequest request, EmulatedCloud cloud) =>
            Permitted(await AskedAsync(request), cloud.ScenarioOf(project)));
        projects.MapPost("/-/serviceAccounts/{account}:testIamPermissions", async (
            string account, HttpRequest request, EmulatedCloud cloud) =>
            Permitted(await AskedAsync(request), cloud.ScenarioOf(account.Split('@')[^1].Split('.')[0])));
        projects.MapGet("/{project}/services/{service}", (string project, string service, EmulatedCloud cloud) =>
            Json(new JsonObject
            {
                ["name"] = $"projects/{cloud.ScenarioOf(project).ProjectNumber}/services/{service}",
                ["state"] = service == Tpu && cloud.ScenarioOf(project).ApiDisabled ? "DISABLED" : "ENABLED",
            }));
        projects.MapGet("/{project}/locations/global/services/{service}/quotaInfos", (
            string project, EmulatedCloud cloud) => Json(new JsonObject
            {
                ["quotaInfos"] = new JsonArray([.. QuotasOf(cloud.ScenarioOf(project))]),
            }));
    }

    private static IEnumerable<JsonNode?> QuotasOf(Scenario scenario) =>
        scenario.Zones.SelectMany(zone => QuotasOf(zone.Value.Quota, "zone", zone.Key))
            .Concat(scenario.Regions.SelectMany(region => QuotasOf(region.Value.Quota, "region", region.Key)));

    /// <summary>Lists the limits of a place. One under an on-demand name holds for spot nodes too, unless spot has its
    /// own.</summary>
    private static IEnumerable<JsonNode?> QuotasOf(
        IReadOnlyDictionary<string, int> quotas, string dimension, string place) =>
        quotas.Concat(quotas.Select(quota => KeyValuePair.Create(Accelerators.OfSpot(quota.Key), quota.Value))
                .Where(spot => !quotas.ContainsKey(spot.Key)))
            .Select(quota => (JsonNode?)QuotaOf(quota.Key, dimension, place, quota.Value));

    private static JsonObject QuotaOf(string quota, string dimension, string place, int limit) => new()
    {
        ["quotaId"] = quota,
        ["service"] = Tpu,
        ["dimensionsInfos"] = new JsonArray(new JsonObject
        {
            ["dimensions"] = new JsonObject { [dimension] = place },
            ["details"] = new JsonObject { ["value"] = $"{limit}" },
            ["applicableLocations"] = new JsonArray(place),
        }),
    };

    // A body that is not a list of permissions requests none.
    private static async Task<IEnumerable<string>> AskedAsync(HttpRequest request)
    {
        try
        {
            var body = await JsonNode.ParseAsync(request.Body, cancellationToken: request.HttpContext.RequestAborted);
            return body is JsonObject members && members["permissions"] is JsonArray list
                ? [.. list.Select(each => each?.ToString() ?? "")] : [];
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or InvalidOperationException)
        {
            return [];
        }
    }

    private static IResult Permitted(IEnumerable<string> asked, Scenario scenario)
    {
        var permitted = asked.Except(scenario.DeniedPermissions, StringComparer.Ordinal).ToList();
        return Json(permitted.Count == 0 ? [] : new JsonObject
        {
            ["permissions"] = new JsonArray([.. permitted.Select(each => (JsonNode?)each)]),
        });
    }

    private static IResult Json(JsonObject json) => Results.Text(json.ToJsonString(), "application/json");
}
