using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Http.Features;
using Workflows.Service.Database;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Access;

/// <summary>Puts the access control together from ASP.NET Core's parts (ADR 0021).</summary>
internal static partial class AccessControl
{
    private const string Either = "KeyOrSession";

    private const double MostHours = 720;

    /// <summary>Adds schemes, policies, limits and the keys.</summary>
    /// <param name="services">The services.</param>
    /// <param name="settings">The service's settings.</param>
    /// <param name="apiPort">The API's port.</param>
    public static void AddAccess(this IServiceCollection services, ServiceSettings settings, int apiPort)
    {
        // It logs the address of each request with its query, before a key in there is refused.
        services.AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning));
        services.AddSingleton<StreamPlaces>();
        services.AddSingleton(provider => provider.GetService<DatabaseState>() is { } database
            ? new KeyFile(new SharedKeys(database), provider.GetRequiredService<TimeProvider>())
            : new KeyFile(settings.StateDirectory, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<KeyRing>();
        services.AddSingleton<Sessions>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AccessAnswers>();
        services.AddAuthorization(AccessPolicies.Add);
        IdentityTokens.Require(settings.Access);
        if (!settings.Access.Authentication)
        {
            if (!string.IsNullOrWhiteSpace(settings.Access.Proxies))
            {
                // A declared proxy may forward any Host, by which requests of other sites are recognised otherwise.
                throw new ServiceStartException("Workflows:Access:Proxies needs Workflows:Access:Authentication.");
            }

            services.AddAuthentication(LocalHandler.Name)
                .AddScheme<AuthenticationSchemeOptions, LocalHandler>(LocalHandler.Name, null);
            return;
        }

        RequireHours(settings.Access.SessionHours);
        CallLimits.Add(services, settings, apiPort);
        AddSessionKeys(services, settings);
        var hasIssuer = settings.Access.Oidc.Authority is not null;
        var schemes = services.AddAuthentication(Either)
            .AddPolicyScheme(Either, null, options => options.ForwardDefaultSelector = context =>
                context.Request.Headers.Authorization.Count == 0 ? Sessions.Scheme
                    : hasIssuer && IdentityTokens.IsIn(context.Request) ? IdentityTokens.Scheme
                    : KeyHandler.Name)
            .AddScheme<AuthenticationSchemeOptions, KeyHandler>(KeyHandler.Name, null)
            .AddCookie(Sessions.Scheme, options =>
            {
                // Cookies do not tell ports apart: two services of one machine must not share one, unless they share
                // their keys, too.
                options.Cookie.Name = settings.IsShared
                    ? "workflows" : $"workflows-{ServicePorts.StateIdOf(settings.StateDirectory)[..8]}";
                options.Cookie.HttpOnly = true;
                options.Cookie.SameSite = SameSiteMode.Strict;
                options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
                options.ExpireTimeSpan = TimeSpan.FromHours(settings.Access.SessionHours);
                options.SlidingExpiration = false;
                options.Events.OnValidatePrincipal = Sessions.ValidateAsync;
            });
        IdentityTokens.Add(schemes, settings.Access.Oidc);
    }

    /// <summary>Checks each request before it reaches an endpoint.</summary>
    /// <param name="application">The application.</param>
    /// <param name="settings">Its settings.</param>
    /// <param name="apiPort">The port that other machines may reach.</param>
    public static void UseAccess(this WebApplication application, ServiceSettings settings, int apiPort)
    {
        var logger = application.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(AccessControl));
        application.Use(async (context, next) =>
        {
            if (context.Request.QueryString.HasValue && HasCredentials(context.Request.Query))
            {
                // It is in the logs of every proxy on the way by now. Traces redact values, but not names.
                context.Features.Get<IHttpActivityFeature>()?.Activity.SetTag("url.query", null);
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
        if (settings.Access.Authentication)
        {
            application.UseRateLimiter();
        }

        application.Use((context, next) =>
            context.User.Identity?.AuthenticationType == Sessions.Scheme
                && AccessPolicies.RoleOf(context.Request.Method) != AccessRole.Reader
                && !BrowserGuard.IsProvedOfThisSite(context.Request)
                ? Problems.Of(
                    StatusCodes.Status403Forbidden, "CSRF_REFUSED",
                    "A session changes something only for the service's own pages, and the request proves by neither "
                    + "Sec-Fetch-Site nor Origin that it comes from one. Programs send a key in the header "
                    + "Authorization.").ExecuteAsync(context)
                : next(context));
        application.UseAuthorization();
        application.Use(async (context, next) =>
        {
            if (context.Connection.LocalPort != apiPort
                || AccessPolicies.RoleOf(context.Request.Method) == AccessRole.Reader)
            {
                await next(context);
                return;
            }

            var (caller, method, path) = (
                AccessPolicies.NameOf(context.User), context.Request.Method,
                SafeText.Of(context.Request.Path.Value, 200));
            try
            {
                await next(context);
            }
            catch (Exception exception)
            {
                // Also when the client has left: the call may have changed something by then.
                Log.Broken(logger, caller, method, path, exception.GetType().Name);
                throw;
            }

            var reason = context.Request.Query[CallReason.Parameter].ToString();
            Log.Changed(
                logger, caller, method, path, context.Response.StatusCode,
                SafeText.Of(context.Response.Headers.Location.ToString(), 200),
                reason.Length > 0 ? $"({SafeText.Of(reason, CallReason.Most)})" : "");
        });
    }

    /// <summary>Adds to every answer of the API the headers that let nothing of it run or be framed elsewhere; pages
    /// have their own.</summary>
    /// <param name="application">The application.</param>
    /// <param name="settings">Its settings.</param>
    /// <param name="apiPort">The API's port.</param>
    public static void UseSafeHeaders(this WebApplication application, ServiceSettings settings, int apiPort)
    {
        if (settings.Access.Certificate is not null)
        {
            application.UseHsts();
        }

        application.Use((context, next) =>
        {
            if (context.Connection.LocalPort == apiPort)
            {
                context.Response.OnStarting(
                    static state =>
                    {
                        var headers = ((HttpResponse)state).Headers;
                        headers.XContentTypeOptions = "nosniff";
                        headers.TryAdd("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
                        headers.TryAdd("Referrer-Policy", "no-referrer");
                        headers.TryAdd("Cache-Control", "private, no-cache");
                        return Task.CompletedTask;
                    },
                    context.Response);
            }

            return next(context);
        });
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

    /// <summary>Adds the keys that seal sessions, in the state folder, so that sessions outlive a restart.</summary>
    private static void AddSessionKeys(IServiceCollection services, ServiceSettings settings)
    {
        // It warns at each start that the keys are not encrypted; only their owner may open the folder.
        services.AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error));
        if (settings.IsShared)
        {
            services.AddDataProtection().SetApplicationName("workflows");
            services.AddOptions<KeyManagementOptions>().Configure<DatabaseState>(
                (options, database) => options.XmlRepository = new SharedSessionKeys(database));
            return;
        }

        var folder = KeyFolder.Of(settings.StateDirectory);
        try
        {
            KeyFolder.Make(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ServiceStartException($"The folder '{folder}' cannot be made: {exception.Message}", exception);
        }

        services.AddDataProtection()
            .SetApplicationName($"workflows-{ServicePorts.StateIdOf(settings.StateDirectory)}")
            .PersistKeysToFileSystem(new DirectoryInfo(Path.Combine(folder, "sessions")));
    }

    private static void RequireHours(double hours)
    {
        if (hours is not (> 0 and <= MostHours))
        {
            throw new ServiceStartException(string.Create(
                CultureInfo.InvariantCulture,
                $"The setting 'Workflows:Access:SessionHours' cannot be {hours}: use more than 0 and at most "
                + $"{MostHours}."));
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

        [LoggerMessage(4415, LogLevel.Information, "'{Caller}' {Method} {Path}: {Status} {Location} {Reason}")]
        public static partial void Changed(
            ILogger logger, string caller, string method, string path, int status, string location, string reason);

        [LoggerMessage(4416, LogLevel.Information, "'{Caller}' {Method} {Path}: ended by {Fault}")]
        public static partial void Broken(ILogger logger, string caller, string method, string path, string fault);

        [LoggerMessage(4414, LogLevel.Warning, "There is no key, so nobody can call the service: "
            + "workflows keys make NAME --role admin --state {Folder}")]
        public static partial void NoKeys(ILogger logger, string folder);
    }
}
