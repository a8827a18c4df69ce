using System.Globalization;
using Microsoft.OpenApi;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Database;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Logs;

/// <summary>Serves GET /runs/{id}/logs: the lines that service and workers wrote about a run, or a stream of them.
/// </summary>
internal static class LogEndpoint
{
    private const int Default = 200, Most = 2000;

    public static void AddRunLogs(this IServiceCollection services, ServiceSettings settings)
    {
        if (settings.IsShared)
        {
            services.AddSingleton(provider => new SharedLogs(
                provider.GetRequiredService<DatabaseAccess>(), provider.GetRequiredService<RunLedger>()));
            services.AddSingleton<IRunLogs>(provider => provider.GetRequiredService<SharedLogs>());
            services.AddHostedService(provider => provider.GetRequiredService<SharedLogs>());
        }
        else
        {
            services.AddSingleton<IRunLogs>(provider => new RunLogs(provider.GetRequiredService<RunLedger>()));
        }

        services.AddSingleton<WorkerLogs>();
        services.AddSingleton<LogStream>();
        services.AddSingleton<ILoggerProvider>(provider => new RunLogProvider(
            provider.GetRequiredService<IRunLogs>, provider.GetRequiredService<TimeProvider>()));
    }

    public static void MapLogs(this IEndpointRouteBuilder runs) => runs.MapGet("/{id}/logs", ReadAsync)
        .Described(
            "listLogs", "Lists the newest lines of a run's log, of service and workers, or streams them.",
            400, 404, 503)
        .HasParameter(ParameterLocation.Query, "source", "Only lines of the service or of the worker.")
        .HasParameter(ParameterLocation.Query, "node", "Only lines about a node, by the last part of its name.")
        .HasParameter(
            ParameterLocation.Query, "level", "Only lines of this level or above: debug, information, warning, error.")
        .HasParameter(ParameterLocation.Query, "since", "Only lines of this time or later, ISO 8601 with offset.")
        .HasParameter(
            ParameterLocation.Query, "tail", "Most lines, counted from the end, 0 to 2,000 (200).",
            JsonSchemaType.Integer)
        .HasParameter(
            ParameterLocation.Query, "follow", "true: server-sent events until the run ends.", JsonSchemaType.Boolean)
        .HasParameter(ParameterLocation.Header, "Last-Event-ID", "Continues a stream after this line.")
        .Produces<IReadOnlyList<LogView>>(StatusCodes.Status200OK, "application/json", "text/event-stream");

    private static async Task<IResult> ReadAsync(
        string id, HttpRequest http, RunLedger ledger, RunService service, IRunLogs logs, LogStream stream,
        Sessions sessions, StreamPlaces places, IHostApplicationLifetime lifetime, CancellationToken cancellation)
    {
        var errors = new List<FieldError>();
        var filter = FilterOf(http.Query, errors);
        var tail = NumberOf($"{http.Query["tail"]}", "tail", Default, Most, $"Use 0 to {Most}.", errors);
        var follows = http.GetTypedHeaders().Accept.Any(
            type => type.MediaType.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase));
        follows |= WordOf(http.Query, "follow", ["true", "false"], errors) == "true";
        long? after = follows && http.Headers.TryGetValue("Last-Event-ID", out var header)
            ? NumberOf(
                header.ToString(), "Last-Event-ID", 0, long.MaxValue,
                "Use the id of the last line that you have, or leave it out.", errors)
            : null;
        if (errors.Count > 0)
        {
            throw new RunRequestException(errors);
        }

        if (await RunEndpoints.KnownAsync(id, ledger, service, cancellation) is not { } run)
        {
            return RunEndpoints.Unknown(id);
        }

        if (!follows)
        {
            return TypedResults.Ok(logs.Tail(run, filter, logs.Last(run), (int)tail).Select(LogView.Of).ToList());
        }

        return places.Refuse(http.HttpContext) ?? TypedResults.ServerSentEvents(sessions.WhileAsync(
            http.HttpContext.User, stream.ReadAsync(run, filter, after, (int)tail, lifetime.ApplicationStopping),
            cancellation));
    }

    private static LogFilter FilterOf(IQueryCollection query, List<FieldError> errors)
    {
        var source = WordOf(query, "source", WireName.All<LogSource>(), errors);
        var level = WordOf(query, "level", WireName.All<LogSeverity>(), errors);
        return new LogFilter(
            WireName.TryParse<LogSource>(source, out var ofSource) ? ofSource : null,
            query.TryGetValue("node", out var node) && node.ToString() is { Length: > 0 } text
                ? text[(text.LastIndexOf('/') + 1)..] : null,
            WireName.TryParse<LogSeverity>(level, out var ofLevel) ? ofLevel : null,
            RunPage.TimeOf(query, "since", errors));
    }

    private static string? WordOf(
        IQueryCollection query, string field, IReadOnlyList<string> words, List<FieldError> errors)
    {
        if (!query.TryGetValue(field, out var given) || words.Contains(given.ToString()))
        {
            return query.ContainsKey(field) ? given.ToString() : null;
        }

        errors.Add(new FieldError(
            field, $"'{SafeText.Of(given, 50)}' is none of its values.",
            $"{NearestName.Ask(SafeText.Of(given, 50), words)}Use {string.Join(", ", words)}, or leave it out."));
        return null;
    }

    private static long NumberOf(
        string given, string field, long otherwise, long most, string fix, List<FieldError> errors)
    {
        if (given.Length == 0)
        {
            return otherwise;
        }

        if (long.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= most)
        {
            return number;
        }

        errors.Add(new FieldError(field, $"'{SafeText.Of(given, 50)}' is no number that it can have.", fix));
        return otherwise;
    }
}
