using Microsoft.OpenApi;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Describes the filters that the list and the purge of several runs have, which <see cref="RunPage"/> reads.
/// </summary>
internal static class RunFilters
{
    /// <summary>Describes the filters of an operation.</summary>
    public static RouteHandlerBuilder HasFilters(this RouteHandlerBuilder endpoint) => endpoint
        .HasParameter(ParameterLocation.Query, "status", "Statuses, with commas between them.")
        .HasParameter(
            ParameterLocation.Query, "runtimeStatus",
            $"The same by the names of Durable Functions: {string.Join(", ", RuntimeStatuses.All)}.")
        .HasParameter(ParameterLocation.Query, "name", "A part of the name or id.")
        .HasParameter(ParameterLocation.Query, "prefix", "The beginning of the id.")
        .HasParameter(ParameterLocation.Query, "instanceIdPrefix", "The same as prefix.")
        .HasParameter(ParameterLocation.Query, "text", "A part of the name, id, model or failure.")
        .HasParameter(ParameterLocation.Query, "from", "Runs created at this time or later, ISO 8601 with offset.")
        .HasParameter(ParameterLocation.Query, "createdTimeFrom", "The same as from.")
        .HasParameter(ParameterLocation.Query, "to", "Runs created before this time, ISO 8601 with offset.")
        .HasParameter(ParameterLocation.Query, "createdTimeTo", "The same as to.")
        .HasParameter(ParameterLocation.Query, "limit", "Most runs of a page, 1 to 500.", JsonSchemaType.Integer)
        .HasParameter(ParameterLocation.Query, "top", "The same as limit.", JsonSchemaType.Integer)
        .HasParameter(
            ParameterLocation.Header, RunPage.TokenHeader,
            "The header of the page before: the next page begins there.");
}
