using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>
/// The answer to a start, with the addresses that manage the run. Those that Durable Functions has too have its names,
/// and are absolute as there, from the address that was asked; the others are paths. Each does what it does there: so
/// <c>resumePostUri</c> ends a suspension, and <c>resumeUri</c> continues a stopped run as another part.
/// </summary>
/// <param name="Id">The run.</param>
/// <param name="WasThere">true if the same request had started it before.</param>
/// <param name="StatusUri">Shows it.</param>
/// <param name="CancelUri">Stops it, with POST.</param>
/// <param name="ResumeUri">Resumes it after it has stopped, with POST.</param>
/// <param name="EventsUri">Lists or streams its ledger.</param>
/// <param name="ReportUri">Its report, once it has ended.</param>
public sealed record StartedView(
    RunId Id, bool WasThere, string StatusUri, string CancelUri, string ResumeUri, string EventsUri, string ReportUri)
{
    /// <summary>Gets the address that shows the run: 202 while it is under way, 200 when it has ended.</summary>
    public required Uri StatusQueryGetUri { get; init; }

    /// <summary>Gets the address that sends the run an event: a template with <c>{eventName}</c>.</summary>
    public required string SendEventPostUri { get; init; }

    /// <summary>Gets the address that stops the run and gives its TPU back.</summary>
    public required Uri TerminatePostUri { get; init; }

    /// <summary>Gets the address that suspends the run.</summary>
    public required Uri SuspendPostUri { get; init; }

    /// <summary>Gets the address that ends a suspension of the run.</summary>
    public required Uri ResumePostUri { get; init; }

    /// <summary>Gets the address that continues the run from its newest checkpoint after it has failed.</summary>
    public required Uri RewindPostUri { get; init; }

    /// <summary>Gets the address that starts another run from the same request.</summary>
    public required Uri RestartPostUri { get; init; }

    /// <summary>Gets the address that deletes the run once it has ended.</summary>
    public required Uri PurgeHistoryDeleteUri { get; init; }

    /// <summary>Creates the answer.</summary>
    /// <param name="http">The request, whose host and scheme the absolute addresses have.</param>
    /// <param name="id">The run.</param>
    /// <param name="wasThere">true if the same request had started it before.</param>
    /// <returns>The answer.</returns>
    internal static StartedView Of(HttpRequest http, RunId id, bool wasThere)
    {
        var path = $"/runs/{id}";
        return new StartedView(
            id, wasThere, path, $"{path}/cancel", $"{path}/resume", $"{path}/events", $"{path}/report")
        {
            StatusQueryGetUri = Absolute(""),
            SendEventPostUri = $"{Absolute("/events/")}{{eventName}}",
            TerminatePostUri = Absolute("/terminate"),
            SuspendPostUri = Absolute("/suspend"),
            ResumePostUri = Absolute("/unsuspend"),
            RewindPostUri = Absolute("/rewind"),
            RestartPostUri = Absolute("/rerun"),
            PurgeHistoryDeleteUri = Absolute(""),
        };

        Uri Absolute(string verb) => Uri.TryCreate(
            $"{http.Scheme}://{http.Host}{http.PathBase}{path}{verb}", UriKind.Absolute, out var address)
            ? address : new Uri($"{path}{verb}", UriKind.Relative);
    }
}
