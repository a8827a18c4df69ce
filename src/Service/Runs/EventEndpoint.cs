using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Serialization;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves POST /runs/{id}/events/{name}: a person tells a run what it waits for or acts on.</summary>
internal static class EventEndpoint
{
    /// <summary>Most characters of a body, which has a reason at most.</summary>
    private const int MostBody = 16 << 10;

    public static void MapEvents(this IEndpointRouteBuilder runs) => runs.MapPost("/{id}/events/{name}", SendAsync)
        .Described(
            "sendEvent", "Sends a run an event: approve or reject, if it waits for approval; finish, to end its "
                + "training with the newest step.", 400, 404, 409, 410, 413)
        .HasBody<EventRequest>(isOptional: true).Produces<EventView>(StatusCodes.Status202Accepted);

    private static async Task<IResult> SendAsync(
        string id, string name, string? reason, HttpRequest http, RunEventSender sender, ClaimsPrincipal caller,
        CancellationToken cancellation)
    {
        var why = ReasonOf(reason, await RunEndpoints.ReadAsync(http.Body, cancellation));
        if (!RunId.TryParse(id, out var runId))
        {
            return RunEndpoints.Unknown(id);
        }

        var (view, refusal) = await sender.SendAsync(
            runId, name, new CallerNote(AccessPolicies.CallerOf(caller), why), cancellation);
        return refusal?.ToResult() ?? TypedResults.Accepted($"/runs/{id}", view);
    }

    /// <summary>Reads the reason, which is in the address as of all actions, or in the body.</summary>
    internal static string? ReasonOf(string? query, string body)
    {
        var inAddress = CallReason.Read(query);
        var inBody = CallReason.Read(Parse(body)?.Reason);
        return inAddress is null || inBody is null || inAddress == inBody
            ? inAddress ?? inBody
            : throw new RunRequestException([new FieldError(
                CallReason.Parameter, "The address and the body have different reasons.", "Give one of them.")]);
    }

    private static EventRequest? Parse(string body)
    {
        if (body.Length > MostBody)
        {
            throw new RunRequestException([new FieldError(
                "$", $"The body has {body.Length} characters.", $"Use {MostBody} at most: it has a reason at most.")]);
        }

        try
        {
            return string.IsNullOrWhiteSpace(body)
                ? null : JsonSerializer.Deserialize<EventRequest>(body, RunLedger.Json);
        }
        catch (JsonException)
        {
            throw new RunRequestException([new FieldError(
                "$", "The body is no JSON object with a reason alone.",
                "Send {\"reason\": \"...\"}, or no body.")]);
        }
    }
}

/// <summary>The body of an event.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record EventRequest
{
    /// <summary>Gets the reason, for the run's record: 500 characters at most.</summary>
    public string? Reason { get; init; }
}
