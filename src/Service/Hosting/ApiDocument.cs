using System.Text.Json;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.OpenApi;
using Workflows.Orchestrations;
using Workflows.Service.Access;

namespace Workflows.Service.Hosting;

/// <summary>
/// Serves the description of the HTTP API (OpenAPI 3.1) at <c>/openapi.json</c>, made from the endpoints themselves.
/// The engine, the gateway and the emulators have descriptions of their own and are left out.
/// </summary>
internal static class ApiDocument
{
    /// <summary>The name of the document, by which its provider is found.</summary>
    internal const string Name = "openapi";

    private const string AnyType = "*/*";

    private const string Bearer = "key";

    /// <summary>First segments of the API's paths.</summary>
    private static readonly string[] Roots =
    [
        "runs", "zones", "plan", "doctor", "sweep", "spending", "session", "healthz", "readyz",
        "files",
    ];

    /// <summary>Headers of some of the problems.</summary>
    private static readonly Dictionary<int, (string Name, string Description, JsonSchemaType Type)> Headers = new()
    {
        [StatusCodes.Status401Unauthorized] = (
            "WWW-Authenticate", "Bearer, with error=\"invalid_token\" if a credential was sent (RFC 6750).",
            JsonSchemaType.String),
        [StatusCodes.Status403Forbidden] = (
            "WWW-Authenticate", "Bearer with error=\"insufficient_scope\", where the role is not sufficient.",
            JsonSchemaType.String),
        [StatusCodes.Status429TooManyRequests] = (
            "Retry-After", "Seconds to wait.", JsonSchemaType.Integer),
    };

    /// <summary>Problems that each operation can answer, whatever it is asked.</summary>
    private static readonly (int Status, string Description)[] Common =
    [
        (StatusCodes.Status400BadRequest,
            "KEY_IN_QUERY: the address has a key in it. REQUEST_INVALID: it has a parameter that does not exist."),
        (StatusCodes.Status401Unauthorized, "KEY_MISSING, KEY_INVALID, KEY_EXPIRED: no key, or none of this service."),
        (StatusCodes.Status403Forbidden,
            "ROLE_INSUFFICIENT: the key lacks the role. CROSS_ORIGIN, CSRF_REFUSED: a page of another site asked."),
        (StatusCodes.Status421MisdirectedRequest, "HOST_UNKNOWN: the Host header is not a name of this service."),
        (StatusCodes.Status429TooManyRequests,
            "TOO_MANY_CALLS: the key has called too often; Retry-After says how long to wait."),
        (StatusCodes.Status503ServiceUnavailable,
            "ENGINE_UNAVAILABLE: the Durable Task backend does not answer. KEYS_UNREADABLE: nor can keys be checked."),
    ];

    public static void AddApiDocument(this IServiceCollection services) => services.AddOpenApi(Name, options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.ShouldInclude = description => description.RelativePath is { } path
            && Roots.Contains(path.Split('/')[0], StringComparer.Ordinal);
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Workflows",
                Version = "1",
                Description = "Starts, watches, resumes and stops fine-tuning runs. Errors are problem+json (RFC 9457) "
                    + "with a stable `code`; docs/errors.md lists the codes. Within a version operations and members "
                    + "are added, and none is removed, renamed or given another meaning: clients ignore members that "
                    + "they do not know.",
            };

            // The address is that of the service which is asked, and not that of the machine which wrote this.
            document.Servers = [new OpenApiServer { Url = "/" }];

            // Names of classes, otherwise.
            document.Tags = null;
            document.Components ??= new OpenApiComponents();
            foreach (var schema in document.Components.Schemas?.Values ?? [])
            {
                // Members without a value are left out of reports.
                schema.Required?.ExceptWith(
                    schema.Properties?.Where(member => IsNullable(member.Value)).Select(member => member.Key) ?? []);
            }

            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [Bearer] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    Description = "An API key, wfk_..., of 'workflows keys make'; not asked for where the service has "
                        + "Workflows:Access:Authentication off.",
                },
            };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (AccessPolicies.RoleOf(
                context.Description.ActionDescriptor.EndpointMetadata, context.Description.HttpMethod!) is { } role)
            {
                operation.Description = $"Needs the role `{WireName.Of(role)}`.";
                operation.Security =
                [
                    new OpenApiSecurityRequirement
                    {
                        [new OpenApiSecuritySchemeReference(Bearer, context.Document)] = [],
                    },
                ];
            }

            operation.Tags = null;
            operation.RequestBody?.Content?.Remove(AnyType);
            operation.Responses ??= [];

            // Signs of life ask for no key, and are not counted.
            var isUncounted = context.Description.ActionDescriptor.EndpointMetadata
                .OfType<DisableRateLimitingAttribute>().Any();
            foreach (var (status, description) in Common.Where(each => !isUncounted
                || each.Status is not (StatusCodes.Status401Unauthorized or StatusCodes.Status429TooManyRequests)))
            {
                operation.Responses.TryAdd($"{status}", new OpenApiResponse
                {
                    Description = description,
                    Content = new Dictionary<string, OpenApiMediaType> { ["application/problem+json"] = new() },
                });
                Add(operation.Responses[$"{status}"], status);
            }

            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            // These are texts on the wire, written by converters that a description cannot look into.
            var type = Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type;
            if (type == typeof(RunId) || type == typeof(NodeName))
            {
                schema.Type = JsonSchemaType.String;
                schema.Properties?.Clear();
            }
            else if (type.IsEnum)
            {
                schema.Type = JsonSchemaType.String;
                schema.Enum = [.. Enum.GetValues(type).Cast<object>().Select(
                    value => JsonSerializer.SerializeToNode(value, type, context.JsonTypeInfo.Options)!)];
            }

            // Numbers are written as numbers, though they are read from texts, too.
            if (schema.Type is { } types && (types & (JsonSchemaType.Number | JsonSchemaType.Integer)) != 0)
            {
                (schema.Type, schema.Pattern) = (types & ~JsonSchemaType.String, null);
            }

            return Task.CompletedTask;
        });
    });

    /// <summary>Describes the header of a problem.</summary>
    private static void Add(IOpenApiResponse answer, int status)
    {
        // The sign-in page answers 401 as a page.
        if (answer is OpenApiResponse { Content: { } content } described
            && content.ContainsKey("application/problem+json") && Headers.TryGetValue(status, out var header))
        {
            described.Headers ??= new Dictionary<string, IOpenApiHeader>();
            described.Headers[header.Name] = new OpenApiHeader
            {
                Description = header.Description,
                Schema = new OpenApiSchema { Type = header.Type },
            };
        }
    }

    private static bool IsNullable(IOpenApiSchema schema) => schema.Type?.HasFlag(JsonSchemaType.Null) == true
        || schema.OneOf?.Any(each => each.Type == JsonSchemaType.Null) == true;

    public static void MapApiDocument(this IEndpointRouteBuilder routes) =>
        routes.MapOpenApi($"/{{documentName:regex(^{Name}$)}}.json");

    /// <summary>Describes an operation.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="name">The operation's name, which generated clients use.</param>
    /// <param name="summary">One line about it.</param>
    /// <param name="problems">Statuses of the problems that it answers, besides those that all do.</param>
    public static RouteHandlerBuilder Described(
        this RouteHandlerBuilder endpoint, string name, string summary, params int[] problems)
    {
        endpoint.WithName(name).WithSummary(summary);
        foreach (var status in problems)
        {
            endpoint.ProducesProblem(status);
        }

        return endpoint;
    }

    /// <summary>Describes the body of an operation. It is JSON, whatever its media type: <c>curl -d</c> calls it a
    /// form, and is not to be refused for that.</summary>
    public static RouteHandlerBuilder HasBody<T>(this RouteHandlerBuilder endpoint, bool isOptional = false)
        where T : notnull => endpoint.Accepts<T>(isOptional, "application/json", AnyType);

    /// <summary>Describes the body of an operation that takes bytes, whatever its media type.</summary>
    public static RouteHandlerBuilder HasBytes(this RouteHandlerBuilder endpoint) =>
        endpoint.Accepts<Stream>("application/octet-stream", AnyType);

    /// <summary>Describes a parameter that the endpoint reads by itself.</summary>
    public static RouteHandlerBuilder HasParameter(
        this RouteHandlerBuilder endpoint, ParameterLocation place, string name, string description,
        JsonSchemaType type = JsonSchemaType.String)
    {
        if (place == ParameterLocation.Query)
        {
            endpoint.WithMetadata(new KnownQueries.QueryName(name));
        }

        return endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = name,
                In = place,
                Description = description,
                Schema = new OpenApiSchema { Type = type },
            });
            return Task.CompletedTask;
        });
    }
}
