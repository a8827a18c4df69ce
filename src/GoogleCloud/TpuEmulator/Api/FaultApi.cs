using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Api;

/// <summary>
/// Lets a person or a test decide, while the emulator runs, what happens to a project and its nodes. No cloud has these
/// addresses.
/// </summary>
internal static class FaultApi
{
    private const int MostBytes = 1024 * 1024;

    public static void Map(IEndpointRouteBuilder routes, string[] hosts)
    {
        var emulator = routes.MapGroup("/emulator/projects/{project}").RequireHost(hosts);
        emulator.MapGet("/scenario", (
            string project, EmulatedCloud cloud, EmulatorOptions options) => Results.Text(
                cloud.ScenarioJsonOf(project) ?? options.DefaultScenario, "application/json"));
        emulator.MapPut("/scenario", async (string project, HttpRequest request, EmulatedCloud cloud) =>
        {
            if (await ReadAsync(request) is not { } text)
            {
                return Refused("$", "send the scenario as a JSON object, of 1 MB at most.");
            }

            try
            {
                cloud.Replace(project, text);
                return Results.NoContent();
            }
            catch (ScenarioException fault)
            {
                return Refused(null, fault.Message);
            }
        });
        emulator.MapPost("/locations/{zone}/nodes/{node}/faults", async (
            string project, string zone, string node, HttpRequest request, EmulatedCloud cloud) =>
        {
            var asked = FaultOf(await ReadAsync(request));
            if (asked is null || !Enum.TryParse(asked, ignoreCase: true, out NodeFault fault)
                || !Enum.IsDefined(fault) || char.IsAsciiDigit(asked[0]))
            {
                return Refused("fault", $"'{asked}' is no fault; write {{\"fault\": \"preempt\"}}, or "
                    + $"{string.Join(", ", Enum.GetNames<NodeFault>().Select(each => each.ToLowerInvariant()))}.");
            }

            try
            {
                cloud.Play($"projects/{project}/locations/{zone}/nodes/{node}", fault);
                return Results.NoContent();
            }
            catch (CloudException refusal)
            {
                return Results.Json(
                    new JsonObject { ["error"] = refusal.Status.Message },
                    statusCode: refusal.Status.Code == (int)Google.Rpc.Code.NotFound
                        ? StatusCodes.Status404NotFound : StatusCodes.Status409Conflict);
            }
        });
    }

    private static IResult Refused(string? field, string words) => Results.Json(
        new JsonObject { ["error"] = field is null ? words : $"{field}: {words}" },
        statusCode: StatusCodes.Status400BadRequest);

    // Only a body that says it is JSON: a page of another origin cannot send that without being asked for it first.
    private static async Task<string?> ReadAsync(HttpRequest request)
    {
        if (!request.HasJsonContentType())
        {
            return null;
        }

        using var reader = new StreamReader(request.Body);
        var buffer = new char[MostBytes + 1];
        var read = await reader.ReadBlockAsync(buffer, request.HttpContext.RequestAborted);
        return read > MostBytes ? null : new string(buffer, 0, read);
    }

    private static string? FaultOf(string? body)
    {
        try
        {
            return body is not null && JsonNode.Parse(body) is JsonObject members
                && members["fault"] is JsonValue value && value.TryGetValue(out string? fault) && fault.Length > 0
                ? fault : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
