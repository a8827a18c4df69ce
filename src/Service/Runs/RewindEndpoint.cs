using System.Security.Claims;
using Microsoft.DurableTask.Client;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Serves POST /runs/{id}/rewind, as Durable Functions has it: a run that failed goes on from its newest
/// checkpoint, with the request that it has. It is a resumption without changes (ADR 0015).</summary>
internal static class RewindEndpoint
{
    public static void MapRewind(this IEndpointRouteBuilder runs) => runs.MapPost("/{id}/rewind", RewindAsync)
        .Described(
            "rewindRun", "Continues a run that failed from its newest checkpoint, without changes.", 400, 404, 409, 410,
            413)
        .Produces<ResumedView>(StatusCodes.Status202Accepted);

    private static async Task<IResult> RewindAsync(
        string id, string? reason, HttpRequest http, DurableTaskClient client, RunResumer resumer,
        ClaimsPrincipal caller, CancellationToken cancellation)
    {
        var why = CallReason.Read(reason);
        if ((await RunEndpoints.ReadAsync(http.Body, cancellation)).Trim() is not ("" or "{}"))
        {
            throw new RunRequestException([new FieldError(
                "$", "A rewind takes no body, since it changes nothing.",
                "Leave it out, or change fields with POST /runs/ID/resume.")]);
        }

        if (!RunId.TryParse(id, out var runId)
            || await client.GetInstanceAsync(id, getInputsAndOutputs: true, cancellation) is not { } instance
            || !RunService.IsRun(instance))
        {
            return RunEndpoints.Unknown(id);
        }

        var status = RunService.StatusOf(instance);
        return !instance.IsCompleted
            ? Problems.Of(
                StatusCodes.Status409Conflict, Resumed.UnderWay,
                $"Run '{id}' is {WireName.Of(status)}, and only a run that failed is rewound. Watch it, cancel it, or "
                + "end its suspension with POST /runs/ID/unsuspend.")
            : status != RunStatus.Failed
            ? Problems.Of(
                StatusCodes.Status410Gone, "RUN_ENDED",
                $"Run '{id}' has ended as {WireName.Of(status)}, and only a run that failed is rewound."
                + (status == RunStatus.Succeeded
                    ? " Start another run: POST /runs/ID/rerun." : " POST /runs/ID/resume continues it."))
            : ResumeEndpoint.Answer(http.HttpContext.Response, runId, await resumer.ResumeAsync(
                runId, "", new CallerNote(AccessPolicies.CallerOf(caller), why ?? "rewound"), cancellation));
    }
}
