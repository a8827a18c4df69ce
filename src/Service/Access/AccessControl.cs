using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Access;

/// <summary>Puts the access control together from ASP.NET Core's parts (ADR 0021).</summary>
internal static partial class AccessControl
{
    /// <summary>Adds schemes, policies and the keys.</summary>
    public static void AddAccess(this IServiceCollection services, ServiceSettings settings)
    {
        services.AddSingleton(provider => new KeyFile(
            settings.StateDirectory, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<KeyRing>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AccessAnswers>();
        services.AddAuthorization(AccessPolicies.Add);
        var schemes = services.AddAuthentication(
            settings.Access.Authentication ? KeyHandler.Name : LocalHandler.Name);
        if (settings.Access.Authentication)
        {
            schemes.AddScheme<AuthenticationSchemeOptions, KeyHandler>(KeyHandler.Name, null);
        }
        else
        {
            schemes.AddScheme<AuthenticationSchemeOptions, LocalHandler>(LocalHandler.Name, null);
        }
    }

    /// <summary>Checks each request before it reaches an endpoint.</summary>
    /// <param name="application">The application.</param>
    /// <param name="apiPort">The port that other machines may reach.</param>
    public static void UseAccess(this WebApplication application, int apiPort)
    {
        var logger = application.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(AccessControl));
        application.Use(async (context, next) =>
        {
            if (context.Request.QueryString.HasValue && HasCredentials(context.Request.Query))
            {
                // It is in the logs of every proxy on the way by now.
                Log.InQuery(logger, context.Request.Method, SafeText.Of(context.Request.Path.Value, 200));
                await Problems.Of(
                    StatusCodes.Status400BadRequest, "KEY_IN_QUERY",
                    "The address has a key or token in it, and addresses are logged: revoke it, and send the next one "
                    + "in the header Authorization.").ExecuteAsync(context);
                return;
            }

            if (context.Connection.LocalPort == apiPort && context.GetEndpoint()?.Metadata.GetMetadata<OfThisMachine>()
                is not null)
            {
                // Answered as a path that does not exist, by the pages for status codes.
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }

            await next(context);
        });
        application.UseAuthentication();
        application.UseAuthorization();
    }

    /// <summary>Keeps endpoints off the API's port, whatever the Host header says.</summary>
    public static T OfThisMachineOnly<T>(this T endpoints)
        where T : IEndpointConventionBuilder
    {
        endpoints.Add(builder => builder.Metadata.Add(new OfThisMachine()));
        return endpoints;
    }

    /// <summary>Tells at the start if nobody can get in.</summary>
    public static void TellOfKeys(WebApplication application, ServiceSettings settings)
    {
        if (!settings.Access.Authentication)
        {
            return;
        }

        var logger = application.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(AccessControl));
        try
        {
            if (!application.Services.GetRequiredService<KeyRing>().HasAny)
            {
                Log.NoKeys(logger, settings.StateDirectory);
            }
        }
        catch (KeyFileException exception)
        {
            throw new ServiceStartException(exception.Message, exception);
        }
    }

    private static bool HasCredentials(IQueryCollection query) => query.Any(each =>
        each.Key.Equals("access_token", StringComparison.OrdinalIgnoreCase)
        || Key().IsMatch(each.Key) || each.Value.Any(value => value is not null && Key().IsMatch(value)));

    [GeneratedRegex("wfk_[0-9a-f]{12}_", RegexOptions.CultureInvariant)]
    private static partial Regex Key();

    /// <summary>Marks endpoints of programs on this machine: the emulated cloud, the engine, the gateway.</summary>
    private sealed record OfThisMachine;

    private static partial class Log
    {
        [LoggerMessage(4413, LogLevel.Warning, "{Method} {Path} had a key or token in its address, and was refused: "
            + "revoke it")]
        public static partial void InQuery(ILogger logger, string method, string path);

        [LoggerMessage(4414, LogLevel.Warning, "There is no key, so nobody can call the service: "
            + "workflows keys make NAME --role admin --state {Folder}")]
        public static partial void NoKeys(ILogger logger, string folder);
    }
}
