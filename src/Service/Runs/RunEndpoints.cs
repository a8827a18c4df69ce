using System.Globalization;
using System.Security.Claims;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.OpenApi;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Dashboard;
using Workflows.Service.Hosting;
using Workflows.Service.Logs;
using Workflows.Service.Workers;

namespace Workflows.Service.Runs;

/// <summary>The HTTP API.</summary>
internal static class RunEndpoints
{
    /// <summary>Most bytes of a request's body.</summary>
    public const int MostBodyBytes = 8 << 20;

    /// <summary>Most bytes that are read only to answer that they are too many.</summary>
    private const int MostDrainedBytes = 256 << 20;

    private const int MostKeyLength = 255;

    public static void MapRuns(this IEndpointRouteBuilder routes, ServiceSettings settings)
    {
        var runs = routes.MapGroup("/runs");
        runs.MapPost("/", StartAsync)
            .Described(
                "startRun", "Starts a run durably; with timeout 200 and the run if it ends in that time.",
                400, 409, 413, 429, 503)
            .HasParameter(ParameterLocation.Header, "Idempotency-Key", "The same key starts the same run once.")
            .HasWait()
            .HasBody<RunRequest>().Produces<StartedView>(StatusCodes.Status202Accepted).Produces<RunView>();
        runs.MapGet("/", ListAsync)
            .Described("listRuns", "Lists runs, newest first; the next page's address is in the Link header.", 400)
            .HasFilters()
            .HasParameter(ParameterLocation.Query, "group", "The run whose variants to list.")
            .HasParameter(ParameterLocation.Query, "after", "The cursor of the page before, from its Link header.")
            .AddEndpointFilter<EntityTags>();
        runs.MapStatus();
        runs.MapPost("/{id}/cancel", CancelAsync)
            .Described("cancelRun", "Stops a run and gives its TPU back.", 404, 410)
            .Produces<CancelledView>(StatusCodes.Status202Accepted);
        runs.MapPost("/{id}/terminate", CancelAsync)
            .Described("terminateRun", "The same as cancel: a run is never ended without its teardown.", 404, 410)
            .Produces<CancelledView>(StatusCodes.Status202Accepted);
        runs.MapResume();
        runs.MapRewind();
        runs.MapControl();
        runs.MapEvents();
        runs.MapCost();
        runs.MapResources();
        runs.MapLogs();
        runs.MapGet("/{id}/attempts", Attempts)
            .Described("listAttempts", "Lists the attempts to get a TPU, with the cloud's words.", 404)
            .Produces<IReadOnlyList<AttemptRow>>().AddEndpointFilter<EntityTags>();
        runs.MapGet("/{id}/metrics", Metrics)
            .Described("listMetrics", "Lists the points of the loss curve.", 400, 404)
            .Produces<IReadOnlyList<MetricPoint>>().AddEndpointFilter<EntityTags>();
        runs.MapGet("/{id}/events", Events)
            .Described("listEvents", "Lists the ledger's lines, or streams them (server-sent events).", 400, 404, 503)
            .HasParameter(ParameterLocation.Header, "Last-Event-ID", "Continues a stream after this event.")
            .Produces<IReadOnlyList<EventLine>>(StatusCodes.Status200OK, "application/json", "text/event-stream");
        runs.MapGet("/{id}/report", Report)
            .Described("getReport", "Gets the report of a run.", 404).Produces<RunReport>();
        runs.MapGet("/{id}/report.html", ReportPage)
            .Described("getReportPage", "Gets the report of a run as a page.", 404)
            .HasParameter(
                ParameterLocation.Query, "lang", "en or ko; without it, the language that Accept-Language prefers.")
            .HasParameter(ParameterLocation.Header, "Accept-Language", "The languages that the reader knows.")
            .Produces<string>(StatusCodes.Status200OK, "text/html");
        runs.MapGet($"/{{id}}/{ReportFiles.KoreanPage}", (
            string id, HttpResponse response, RunLedger ledger, RunService service, CancellationToken cancellation) =>
            PageInAsync(id, response, ledger, service, Language.Korean, cancellation))
            .Described("getKoreanReportPage", "Gets the report of a run as a page in Korean.", 404)
            .Produces<string>(StatusCodes.Status200OK, "text/html");
        routes.MapZones();
        var stateId = ServicePorts.StateIdOf(settings.StateDirectory);
        routes.MapGet("/healthz", () => TypedResults.Ok(new HealthView("ok", stateId)))
            .Described("checkHealth", "Answers while the process is alive.").AllowAnonymous().DisableRateLimiting();
        routes.MapReadiness();
    }

    private static async Task<IResult> StartAsync(
        HttpRequest http, RunService service, RunWaiter waiter, StreamPlaces places, ClaimsPrincipal caller,
        IHostApplicationLifetime lifetime, CancellationToken cancellation)
    {
        if (http.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = MostDrainedBytes;
        }

        var key = KeyOf(http);
        var errors = new List<FieldError>();
        var wait = RunWait.Of(http.Query, errors);
        var request = RunRequestReader.Parse(await ReadAsync(http.Body, cancellation));
        if (errors.Count > 0)
        {
            throw new RunRequestException(errors);
        }

        // Before the start: a caller who is refused would start another run.
        if (wait is not null && places.Refuse(http.HttpContext) is { } refusal)
        {
            return refusal;
        }

        var (id, wasThere) = await service.StartAsync(
            request, key, cancellation,
            AccessPolicies.CallerOf(caller) is { } by ? new RunOrigin { By = by } : null);
        if (wait is not null)
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(
                cancellation, lifetime.ApplicationStopping);
            if (await waiter.WaitAsync(id, wait, end.Token) is { } run)
            {
                return TypedResults.Ok(run);
            }
        }

        return Started(http, id, wasThere);
    }

    internal static IResult Started(HttpRequest http, RunId id, bool wasThere)
    {
        http.HttpContext.Response.Headers.RetryAfter = "10";
        return TypedResults.Accepted($"/runs/{id}", StartedView.Of(http, id, wasThere));
    }

    internal static async Task<string> ReadAsync(Stream body, CancellationToken cancellation)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[81920];
        long length = 0;
        while (await body.ReadAsync(buffer, cancellation) is > 0 and var count)
        {
            length += count;
            bytes.Write(buffer, 0, length > MostBodyBytes ? 0 : count);
        }

        // Read to its end anyway: a client that still sends would see a broken pipe instead of the answer.
        if (length > MostBodyBytes)
        {
            throw new BadHttpRequestException("The body is too large.", StatusCodes.Status413PayloadTooLarge);
        }

        try
        {
            bytes.Position = 0;
            using var reader = new StreamReader(bytes, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return await reader.ReadToEndAsync(cancellation);
        }
        catch (DecoderFallbackException)
        {
            throw new RunRequestException([new FieldError("$", "The body is not UTF-8.", "Send a JSON object.")]);
        }
    }

    internal static string? KeyOf(HttpRequest http)
    {
        if (!http.Headers.TryGetValue("Idempotency-Key", out var given))
        {
            return null;
        }

        var key = given.ToString();
        return key.Length is > 0 and <= MostKeyLength
            ? key
            : throw new RunRequestException([new FieldError(
                "Idempotency-Key", $"It has {key.Length} characters.", $"Use 1 to {MostKeyLength} characters.")]);
    }

    /// <summary>Lists a page; the address of the next one is in the Link header (RFC 8288).</summary>
    private static async Task<Ok<IReadOnlyList<RunView>>> ListAsync(
        HttpRequest http, RunList list, CancellationToken cancellation)
    {
        var page = RunPage.Of(http.Query, http.Headers[RunPage.TokenHeader]);
        var (runs, hasMore) = await list.ReadAsync(page, cancellation);
        if (hasMore)
        {
            http.HttpContext.Response.Headers[RunPage.TokenHeader] = RunPage.CursorOf(
                runs[^1].CreatedAt, runs[^1].Id.Value);
            http.HttpContext.Response.Headers.Link = $"</runs{page.QueryAfter(runs[^1])}>; rel=\"next\"";
        }

        return TypedResults.Ok(runs);
    }

    private static async Task<IResult> CancelAsync(
        string id, string? reason, RunService service, System.Security.Claims.ClaimsPrincipal caller,
        CancellationToken cancellation) =>
        (RunId.TryParse(id, out var runId)
            ? await service.CancelAsync(runId, AccessPolicies.ReasonOf(caller, CallReason.Read(reason)), cancellation)
            : null) switch
        {
            null => Unknown(id),
            false => Problems.Of(StatusCodes.Status410Gone, "RUN_ENDED", $"Run '{id}' has ended."),
            true => TypedResults.Accepted($"/runs/{id}", new CancelledView(id, "cancelling")),
        };

    private static async Task<IResult> Attempts(
        string id, RunLedger ledger, RunService service, CancellationToken cancellation) =>
        await KnownAsync(id, ledger, service, cancellation) is { } run
            ? TypedResults.Ok(ReportBuilder.Attempts(ledger, run))
            : Unknown(id);

    /// <summary>Returns the loss curve, of all points or of some that are spread evenly over it.</summary>
    private static async Task<IResult> Metrics(
        string id, string? points, RunLedger ledger, MetricsLog metrics, RunService service,
        CancellationToken cancellation)
    {
        var most = 0;
        if (points is not null && !(int.TryParse(points, NumberStyles.None, CultureInfo.InvariantCulture, out most)
            && most >= 2))
        {
            throw new RunRequestException([new FieldError(
                "points", $"'{SafeText.Of(points, 100)}' is no number of points.",
                "Use 2 or more, or leave it out for all points.")]);
        }

        return await KnownAsync(id, ledger, service, cancellation) is { } run
            ? TypedResults.Ok(MetricsLog.Spread(metrics.Read(run), most))
            : Unknown(id);
    }

    /// <summary>Returns the ledger from one line on, so that a watcher misses nothing; as a stream to a client that
    /// accepts one.</summary>
    private static async Task<IResult> Events(
        string id, string? after, HttpRequest http, RunLedger ledger, EventStream stream, Sessions sessions,
        StreamPlaces places, IHostApplicationLifetime lifetime, RunService service, CancellationToken cancellation)
    {
        var isStream = http.GetTypedHeaders().Accept.Any(
            type => type.MediaType.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase));
        var (field, last) = isStream && http.Headers.TryGetValue("Last-Event-ID", out var header)
            ? ("Last-Event-ID", header.ToString())
            : ("after", after);
        var from = 0;
        if (last is not null && !int.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out from))
        {
            throw new RunRequestException([new FieldError(
                field, $"'{SafeText.Of(last, 100)}' is no sequence number.",
                "Use the sequence of the last event that you have, or leave it out.")]);
        }

        if (await KnownAsync(id, ledger, service, cancellation) is not { } run)
        {
            return Unknown(id);
        }

        if (!isStream)
        {
            return TypedResults.Ok(EventLine.Of(ledger, run).Skip(from));
        }

        // A stop of the service waits for open requests, and this one would stay open.
        return places.Refuse(http.HttpContext) ?? TypedResults.ServerSentEvents(sessions.WhileAsync(
            http.HttpContext.User, stream.ReadAsync(run, from, lifetime.ApplicationStopping),
            cancellation));
    }

    private static Task<IResult> Report(
        string id, RunLedger ledger, RunService service, CancellationToken cancellation) => FileAsync(
        id, ledger, service, "application/json", [ComparisonFiles.Json, ReportFiles.Json], cancellation);

    private static Task<IResult> ReportPage(
        string id, HttpContext context, RunLedger ledger, RunService service, CancellationToken cancellation)
    {
        context.Response.Headers.Vary = "Accept-Language";
        return PageInAsync(
            id, context.Response, ledger, service, RequestLanguage.Asked(context.Request), cancellation);
    }

    /// <summary>Returns the report's page in a language; of a report of an earlier version, the page there
    /// is.</summary>
    private static Task<IResult> PageInAsync(
        string id, HttpResponse response, RunLedger ledger, RunService service, Language language,
        CancellationToken cancellation)
    {
        DashboardEndpoints.Harden(
            response, "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
                + "form-action 'none'; frame-ancestors 'none'");
        return FileAsync(
            id, ledger, service, "text/html; charset=utf-8",
            [
                ComparisonFiles.PageIn(language), ComparisonFiles.Page, ReportFiles.PageIn(language), ReportFiles.Page,
            ],
            cancellation);
    }

    /// <summary>Returns the first of a run's files that is there; a run with variants has a comparison.</summary>
    private static async Task<IResult> FileAsync(
        string id, RunLedger ledger, RunService service, string type, IReadOnlyList<string> names,
        CancellationToken cancellation)
    {
        if (await KnownAsync(id, ledger, service, cancellation) is not { } run)
        {
            return Unknown(id);
        }

        foreach (var name in names)
        {
            var path = Path.Combine(ledger.DirectoryOf(run), name);
            if (ledger.State.IsShared)
            {
                if (ledger.State.Read(RunLedger.NameOf(run, name)) is { } content)
                {
                    return TypedResults.Bytes(content, type);
                }
            }
            else if (System.IO.File.Exists(path))
            {
                return TypedResults.PhysicalFile(
                    path, type, lastModified: System.IO.File.GetLastWriteTimeUtc(path));
            }
        }

        return NotReady(id);
    }

    private static IResult NotReady(string id) => Problems.Of(
        StatusCodes.Status404NotFound, "REPORT_NOT_READY", $"Run '{id}' has not ended, so it has no report yet.");

    /// <summary>Returns the run of a path; null if there is none. A run that has just been started has no ledger yet,
    /// and its starter follows it at once.</summary>
    internal static async Task<RunId?> KnownAsync(
        string id, RunLedger ledger, RunService service, CancellationToken cancellation) =>
        RunId.TryParse(id, out var run)
            && (ledger.Knows(run) || await service.FindAsync(run, cancellation) is not null) ? run : null;

    /// <summary>Returns the answer for an id that no run has, as its caller typed it: of a path the server leaves the
    /// escaped <c>/</c> alone escaped.</summary>
    internal static IResult Unknown(string id) => Problems.Of(
        StatusCodes.Status404NotFound, "RUN_UNKNOWN",
        $"There is no run '{SafeText.Of(id.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase))}'.");
}

/// <summary>The answer to a cancellation.</summary>
/// <param name="Id">The run.</param>
/// <param name="Status"><c>cancelling</c>: its TPU is given back first.</param>
public sealed record CancelledView(string Id, string Status);

/// <summary>The answer of a process that is alive.</summary>
/// <param name="Status"><c>ok</c>.</param>
/// <param name="StateId">Names the state folder without telling its path.</param>
public sealed record HealthView(string Status, string StateId);
