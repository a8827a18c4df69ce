using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Cloud.Tpu.V2;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Workflows.GoogleCloud.TpuEmulator.Cloud;
using HttpRequest = Microsoft.AspNetCore.Http.HttpRequest;

namespace Workflows.GoogleCloud.TpuEmulator.Api;

/// <summary>
/// Serves the one call of v2alpha1 that v2 lacks: a queued resource of the provisioning model FLEX_START, with a
/// maximum run duration.
/// </summary>
internal static class FlexStartApi
{
    private const string Model = "provisioningModel", Run = "runDuration";

    /// <summary>Most bytes of a request: its metadata has 512 KB at most.</summary>
    private const int MostBytes = 1 << 20;

    private static readonly TimeSpan LongestRun = TimeSpan.FromDays(7);

    private static readonly JsonFormatter Json = new(JsonFormatter.Settings.Default.WithTypeRegistry(
        TypeRegistry.FromFiles(
            CloudTpuReflection.Descriptor, ErrorDetailsReflection.Descriptor, EmptyReflection.Descriptor)));

    public static void Map(IEndpointRouteBuilder routes, string[] hosts) => routes.MapPost(
        "/v2alpha1/projects/{project}/locations/{zone}/queuedResources",
        async (string project, string zone, string? queuedResourceId, HttpRequest request, EmulatedCloud cloud) =>
        {
            try
            {
                var asked = Read(await BodyAsync(request), out var maxRun);
                cloud.Require("tpu.nodes.create", $"projects/{project}/locations/{zone}");
                return Answer(cloud.CreateQueued(project, zone, queuedResourceId ?? "", asked, maxRun));
            }
            catch (CloudException exception)
            {
                return Answer(exception.Status, HttpOf((Code)exception.Status.Code));
            }
        }).RequireHost(hosts);

    private static async Task<string> BodyAsync(HttpRequest request)
    {
        // As transcoding does; a page of another origin cannot send JSON without being asked for it first.
        if (!request.HasJsonContentType())
        {
            throw new CloudException(Refusals.Bad("The content type must be application/json."));
        }

        using var reader = new StreamReader(request.Body);
        var buffer = new char[MostBytes + 1];
        var read = await reader.ReadBlockAsync(buffer, request.HttpContext.RequestAborted);
        return read <= MostBytes ? new string(buffer, 0, read) : throw new CloudException(Refusals.Bad(
            $"Request payload size exceeds the limit: {MostBytes} bytes."));
    }

    private static QueuedResource Read(string body, out TimeSpan maxRun)
    {
        try
        {
            var members = JsonNode.Parse(body) as JsonObject
                ?? throw new CloudException(Refusals.Bad("The body is not a JSON object."));
            var model = members[Model]?.ToString();
            if (model != "FLEX_START")
            {
                throw new CloudException(Refusals.Bad(
                    $"The field '{Model}' is '{model}'; this emulator has FLEX_START alone here, and others in v2."));
            }

            var run = (members[Run] as JsonObject)?["maxRunDuration"];
            maxRun = run is null ? TimeSpan.Zero
                : JsonParser.Default.Parse<Duration>(run.ToJsonString()).ToTimeSpan();
            members.Remove(Model);
            members.Remove(Run);
            var asked = JsonParser.Default.Parse<QueuedResource>(members.ToJsonString());
            Check(asked, maxRun);
            return asked;
        }
        catch (Exception exception) when (exception is JsonException or InvalidProtocolBufferException
            or InvalidOperationException or ArgumentException or OverflowException)
        {
            throw new CloudException(Refusals.Bad($"Invalid JSON payload received. {exception.Message}"));
        }
    }

    private static void Check(QueuedResource asked, TimeSpan maxRun)
    {
        if (maxRun <= TimeSpan.Zero || maxRun > LongestRun)
        {
            throw new CloudException(Refusals.Bad(
                $"The field '{Run}.maxRunDuration' must be more than 0s and at most 604800s (7 days)."));
        }

        if (asked.TierCase != QueuedResource.TierOneofCase.None || asked.ReservationName.Length > 0
            || asked.Tpu?.NodeSpec.Any(spec => spec.Node?.SchedulingConfig is
            { Spot: true } or { Preemptible: true } or { Reserved: true }) == true)
        {
            throw new CloudException(Refusals.Bad(
                "FLEX_START goes with no tier, reservation or scheduling of another kind."));
        }
    }

    private static IResult Answer(IMessage message, int status = StatusCodes.Status200OK) =>
        Results.Text(Json.Format(message), "application/json", statusCode: status);

    private static int HttpOf(Code code) => code switch
    {
        Code.InvalidArgument or Code.FailedPrecondition or Code.OutOfRange => 400,
        Code.Unauthenticated => 401,
        Code.PermissionDenied => 403,
        Code.NotFound => 404,
        Code.AlreadyExists or Code.Aborted => 409,
        Code.ResourceExhausted => 429,
        Code.Unavailable => 503,
        _ => 500,
    };
}
