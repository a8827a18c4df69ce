using System.Collections.Frozen;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Workflows.Service.Runs;

namespace Workflows.Service.Hosting;

/// <summary>
/// Refuses query parameters that an operation does not have: a misspelt filter would list everything, and a misspelt
/// option would be left out. The probes are excepted, whose callers may add parameters of their own.
/// </summary>
internal static class KnownQueries
{
    private const int MostShown = 100;

    private static readonly string[] Lenient = ["checkHealth", "checkReadiness"];

    public static void UseKnownQueries(this WebApplication application)
    {
        var known = new Lazy<FrozenDictionary<string, IReadOnlyList<string>>>(() => Read(application.Services));
        application.Use((context, next) =>
        {
            if (context.Request.QueryString.HasValue
                && context.GetEndpoint()?.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName is { } name
                && known.Value.TryGetValue(name, out var names))
            {
                var errors = context.Request.Query.Keys
                    .Where(key => !names.Contains(key, StringComparer.OrdinalIgnoreCase))
                    .Select(key => new FieldError(
                        SafeText.Of(key, MostShown), "There is no such query parameter.",
                        names.Count == 0 ? "This address takes none." : NearestName.Ask(
                            key.Length > MostShown ? "" : key, names) + $"Use {string.Join(", ", names)}."))
                    .ToList();
                if (errors.Count > 0)
                {
                    throw new RunRequestException(errors);
                }
            }

            return next(context);
        });
    }

    /// <summary>Marks an endpoint that reads a query parameter by itself.</summary>
    internal sealed record QueryName(string Name);

    /// <summary>Reads the query parameters of each operation from its description.</summary>
    private static FrozenDictionary<string, IReadOnlyList<string>> Read(IServiceProvider services) =>
        services.GetRequiredService<IApiDescriptionGroupCollectionProvider>().ApiDescriptionGroups.Items
            .SelectMany(group => group.Items)
            .Select(each => (each.ActionDescriptor.EndpointMetadata, Bound: each.ParameterDescriptions
                .Where(parameter => parameter.Source == BindingSource.Query).Select(parameter => parameter.Name)))
            .Select(each => (
                Name: each.EndpointMetadata.OfType<IEndpointNameMetadata>().LastOrDefault()?.EndpointName,
                Names: each.Bound.Concat(each.EndpointMetadata.OfType<QueryName>().Select(query => query.Name))))
            .Where(each => each.Name is not null && !Lenient.Contains(each.Name))
            .GroupBy(each => each.Name!).ToFrozenDictionary(
                group => group.Key,
                group => (IReadOnlyList<string>)[.. group.SelectMany(each => each.Names).Distinct().Order()]);
}
