using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Workflows.Activities.Reporting;
using Workflows.Activities.Sweeping;
using Workflows.Service.Access;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Sweeping;

/// <summary>A request to sweep the cloud.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record SweepRequest
{
    /// <summary>Gets a value indicating whether to delete leftover resources, even if their owner is not proved.
    /// </summary>
    public bool Delete { get; init; }

    /// <summary>Gets a project to sweep besides those that runs of this service have used; null for none.</summary>
    public string? Project { get; init; }

    /// <summary>Gets ids of services that no longer exist, and whose resources are to be deleted, too.</summary>
    public IReadOnlyList<string>? Of { get; init; }
}

/// <summary>The findings of a sweep of the cloud.</summary>
/// <param name="Clean">true if nothing is left over, and every project could be listed.</param>
/// <param name="ServiceId">The id that resources of this service carry.</param>
/// <param name="EveryMinutes">Minutes between automatic sweeps; 0 for none.</param>
/// <param name="Projects">The projects that were swept.</param>
/// <param name="Found">Resources with a run's label that belong to no live run of this service.</param>
/// <param name="GivenBack">The newest proved deletions of sweeps.</param>
/// <param name="At">Time of the sweep.</param>
public sealed record SweepView(
    bool Clean, string ServiceId, double EveryMinutes, IReadOnlyList<SweptProject> Projects,
    IReadOnlyList<FoundResource> Found, IReadOnlyList<SweptFact> GivenBack, DateTimeOffset At);

/// <summary>Serves POST /sweep: lists resources left over in the cloud, and deletes them on request.</summary>
internal static partial class SweepEndpoint
{
    private const int MostServices = 20;

    private static readonly JsonSerializerOptions Strict = new(RunLedger.Json) { AllowDuplicateProperties = false };

    public static void MapSweep(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/sweep", SweepAsync)
            .Described("sweep", "Lists resources left over in the cloud, and deletes them on request.", 400, 413)
            .HasBody<SweepRequest>(isOptional: true).Produces<SweepView>();
        routes.MapGet("/sweep", Last)
            .Described("showSweep", "Shows the findings of the newest sweep, if there was one; asks the cloud nothing.")
            .Produces<SweepView>().Produces(StatusCodes.Status204NoContent);
    }

    private static IResult Last(SweepRecord record, SweepSettings settings) => record.Last() is { } last
        ? TypedResults.Ok(ViewOf(last.Report, settings, last.At))
        : TypedResults.NoContent();

    private static SweepView ViewOf(SweepReport report, SweepSettings settings, DateTimeOffset at) => new(
        report.IsClean, report.ServiceId, settings.Interval.TotalMinutes, report.Projects, report.Found,
        report.GivenBack, at);

    private static async Task<IResult> SweepAsync(
        HttpRequest http, Sweeper sweeper, SweepSettings settings, TimeProvider clock,
        CancellationToken cancellation)
    {
        var request = Parse(await RunEndpoints.ReadAsync(http.Body, cancellation));
        if (request.Delete && !http.HttpContext.User.Has(AccessRole.Admin))
        {
            return AccessAnswers.Forbidden(http.HttpContext, AccessRole.Admin);
        }

        var found = await sweeper.SweepAsync(
            new SweepScope(request.Delete, IsPerson: true, request.Project, request.Of ?? []), cancellation);
        return TypedResults.Ok(ViewOf(found, settings, clock.GetUtcNow()));
    }

    /// <exception cref="RunRequestException">The text is not such a request; every fault is listed.</exception>
    private static SweepRequest Parse(string text)
    {
        var request = new SweepRequest();
        try
        {
            request = string.IsNullOrWhiteSpace(text) ? request
                : JsonSerializer.Deserialize<SweepRequest>(text, Strict) ?? request;
        }
        catch (JsonException exception)
        {
            throw new RunRequestException([new FieldError(
                SafeText.Of(exception.Path?.Replace("$.", "", StringComparison.Ordinal) ?? "$", 100),
                SafeText.Of(exception.Message.Split(" Path:", 2)[0]),
                """Send nothing, or fields of {"delete": true, "project": "PROJECT", "of": ["SERVICE_ID"]}.""")]);
        }

        var errors = new List<FieldError>();
        if (request.Project is { } project && !Project().IsMatch(project))
        {
            errors.Add(new FieldError(
                "project", $"'{SafeText.Of(project, 100)}' is no id of a Google Cloud project.",
                "Give its id, such as my-project-123: gcloud projects list. Rehearsals are always swept."));
        }

        var services = request.Of ?? [];
        errors.AddRange(services.Where(each => each is null || !ServiceId().IsMatch(each)).Take(MostServices)
            .Select(each => new FieldError(
                "of", $"'{SafeText.Of(each, 100)}' is no id of a service.",
                "Give the 16 hexadecimal digits that a look shows beside the resource.")));
        if (services.Count > 0 && !request.Delete)
        {
            errors.Add(new FieldError(
                "of", "Services are named whose resources are to be deleted, and nothing is to be deleted.",
                "Set delete to true, or leave it out: a look lists them anyway."));
        }

        if (services.Count > MostServices)
        {
            errors.Add(new FieldError("of", $"It has {services.Count} ids.", $"Give at most {MostServices} at once."));
        }

        return errors.Count == 0 ? request : throw new RunRequestException(errors);
    }

    [GeneratedRegex(@"^([a-z][a-z0-9.-]{0,60}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]\z", RegexOptions.CultureInvariant)]
    private static partial Regex Project();

    [GeneratedRegex(@"^[0-9a-f]{16}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ServiceId();
}
