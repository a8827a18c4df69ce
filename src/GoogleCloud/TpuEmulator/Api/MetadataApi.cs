using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Api;

/// <summary>Serves the metadata server of each VM, below a key that only this VM knows.</summary>
internal static class MetadataApi
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        var server = routes.MapGroup("/metadata/{key}/computeMetadata/v1").AddEndpointFilter(async (call, next) =>
        {
            // Compute Engine refuses calls without this header, so that a browser cannot be tricked into them.
            var response = call.HttpContext.Response;
            response.Headers["Metadata-Flavor"] = "Google";
            return call.HttpContext.Request.Headers["Metadata-Flavor"] == "Google"
                ? await next(call)
                : Results.Text("Missing Metadata-Flavor:Google header.", statusCode: StatusCodes.Status403Forbidden);
        });
        server.MapGet("/instance/attributes/{name}", (string key, string name, EmulatedCloud cloud) =>
            cloud.ByMetadataKey(key) is { } node && node.Metadata.TryGetValue(name, out var value)
                ? Results.Text(value)
                : Results.NotFound());
        MapIdentity(routes, server);
        server.MapGet("/instance/preempted", (string key, EmulatedCloud cloud) =>
            cloud.IsPreemptionTold(key) is { } isTold
                ? Results.Text(isTold ? "TRUE" : "FALSE")
                : Results.NotFound());
        server.MapGet("/instance/maintenance-event", (string key, EmulatedCloud cloud) =>
            cloud.ByMetadataKey(key) is { } node
                ? Results.Text(node.Health == Google.Cloud.Tpu.V2.Node.Types.Health.UnhealthyMaintenance
                    ? "TERMINATE_ON_HOST_MAINTENANCE" : "NONE")
                : Results.NotFound());
        server.MapGet("/instance/name", (string key, EmulatedCloud cloud) =>
            cloud.ByMetadataKey(key) is { } node
                ? Results.Text($"t1v-n-{node.Id:x8}-w-0")
                : Results.NotFound());
        server.MapGet("/instance/zone", (string key, EmulatedCloud cloud) =>
            cloud.ByMetadataKey(key) is { } node
                ? Results.Text($"projects/123456789012/zones/{node.Name.Split('/')[3]}")
                : Results.NotFound());
        server.MapPut("/instance/guest-attributes/{space}/{name}", async (
            string key, string space, string name, HttpRequest request, EmulatedCloud cloud) =>
        {
            using var reader = new StreamReader(request.Body);
            return cloud.SetGuestAttribute(key, $"{space}/{name}", await reader.ReadToEndAsync())
                ? Results.Ok()
                : Results.NotFound();
        });
    }

    /// <summary>Serves a token of the VM's service account; the emulated services require none.</summary>
    private static void MapIdentity(IEndpointRouteBuilder routes, RouteGroupBuilder server)
    {
        // Google's clients take an address that answers with this header for a metadata server.
        routes.MapGet("/metadata/{key}", (HttpResponse response) =>
        {
            response.Headers["Metadata-Flavor"] = "Google";
            return Results.Text("computeMetadata/");
        });
        server.MapGet("/instance/service-accounts/default/token", (string key, EmulatedCloud cloud) =>
            cloud.ByMetadataKey(key) is null
                ? Results.NotFound()
                : Results.Json(new Dictionary<string, object>
                {
                    ["access_token"] = $"emulated-{key}",
                    ["expires_in"] = 3599,
                    ["token_type"] = "Bearer",
                }));
        server.MapGet("/instance/service-accounts/default/email", (string key, EmulatedCloud cloud) =>
            cloud.ByMetadataKey(key) is { } node
                ? Results.Text($"tpu-vm@{node.Name.Split('/')[1]}.iam.gserviceaccount.com")
                : Results.NotFound());
        server.MapGet("/universe/universe-domain", () => Results.Text("googleapis.com"));
    }
}
