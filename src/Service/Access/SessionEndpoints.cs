using System.Security.Claims;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Access;

/// <summary>Serves the dashboard's sign-in and sign-out: <c>/session</c>.</summary>
internal static partial class SessionEndpoints
{
    private const string FormType = "application/x-www-form-urlencoded";

    // A key has 81 characters; the rest is for tokens and for the form around them.
    private const int MostBytes = 16 << 10;

    public static void MapSessions(this IEndpointRouteBuilder routes, ServiceSettings settings)
    {
        var session = routes.MapGroup("/session");
        session.MapGet("/", (ClaimsPrincipal caller) => TypedResults.Ok(SessionView.Of(caller)))
            .Described("showSession", "Shows who the caller is.");
        session.MapPost("/", (HttpContext context, KeyRing keys, Sessions sessions, TimeProvider clock,
            ILogger<Sessions> logger) => SignInAsync(context, keys, sessions, clock, settings.Access, logger))
            .Described(
                "signIn", "Takes a key or an identity token from the sign-in page, and answers with the cookie of a "
                    + "session.", 400, 413)
            .Accepts<SignInForm>(FormType, "*/*")
            .Produces(StatusCodes.Status303SeeOther)
            .Produces<string>(StatusCodes.Status401Unauthorized, "text/html").AllowAnonymous();
        session.MapDelete("/", SignOutAsync)
            .Described("signOut", "Ends the caller's session.").Produces(StatusCodes.Status204NoContent)
            .NeedsRole(AccessRole.Reader);
    }

    private static async Task<IResult> SignInAsync(
        HttpContext context, KeyRing keys, Sessions sessions, TimeProvider clock, AccessSettings settings,
        ILogger logger)
    {
        if (context.Request.GetTypedHeaders().ContentType?.MediaType.Equals(
            FormType, StringComparison.OrdinalIgnoreCase) != true)
        {
            throw new BadHttpRequestException("The sign-in page sends a form with the field 'key'.");
        }

        if (!settings.Authentication)
        {
            return new SeeOther("/");
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = MostBytes;
        }

        string text;
        try
        {
            text = (await context.Request.ReadFormAsync(context.RequestAborted))["key"].ToString().Trim();
        }
        catch (InvalidDataException exception)
        {
            throw new BadHttpRequestException($"The form cannot be read: {exception.Message}", exception);
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return Problems.Of(
                StatusCodes.Status413PayloadTooLarge, "REQUEST_TOO_LARGE",
                $"The form has more than {MostBytes} bytes.");
        }

        var lifetime = TimeSpan.FromHours(settings.SessionHours);
        var caller = keys.Find(text) is { } key && !key.HasExpired(clock.GetUtcNow())
            ? sessions.Begin(key, lifetime)
            : await IdentityTokens.FindAsync(context, text, settings.Oidc) is { } holder
            ? sessions.Begin(holder, lifetime) : null;
        if (caller is null)
        {
            Log.Refused(logger, $"{context.Connection.RemoteIpAddress}");
            return new SignInPage(SignInPage.Problem.WrongKey);
        }

        await context.SignInAsync(
            Sessions.Scheme, caller, new AuthenticationProperties { ExpiresUtc = Sessions.EndOf(caller) });
        Log.SignedIn(logger, AccessPolicies.NameOf(caller), $"{context.Connection.RemoteIpAddress}");
        return new SeeOther("/");
    }

    private static async Task<NoContent> SignOutAsync(
        HttpContext context, Sessions sessions, ServiceSettings settings, ILogger<Sessions> logger)
    {
        if (settings.Access.Authentication)
        {
            sessions.End(context.User);
            await context.SignOutAsync(Sessions.Scheme);
            Log.SignedOut(logger, AccessPolicies.NameOf(context.User));
        }

        return TypedResults.NoContent();
    }

    /// <summary>Leads a browser on after a form: 303, with which it asks by GET.</summary>
    private sealed class SeeOther(string path) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = path;
            return Task.CompletedTask;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4420, LogLevel.Warning, "Refused a sign-in from {Address}")]
        public static partial void Refused(ILogger logger, string address);

        [LoggerMessage(4421, LogLevel.Information, "'{Caller}' signed in from {Address}")]
        public static partial void SignedIn(ILogger logger, string caller, string address);

        [LoggerMessage(4422, LogLevel.Information, "'{Caller}' signed out")]
        public static partial void SignedOut(ILogger logger, string caller);
    }
}

/// <summary>The form of the sign-in page.</summary>
/// <param name="Key">The API key, or an identity token.</param>
internal sealed record SignInForm([property: JsonPropertyName("key")] string Key);

/// <summary>The caller, as the service sees it.</summary>
/// <param name="Name">The name of its key; <c>local</c> where authentication is off.</param>
/// <param name="Role">The highest of its roles.</param>
/// <param name="ExpiresAt">The end of its session; null for a caller without one.</param>
internal sealed record SessionView(string Name, AccessRole Role, DateTimeOffset? ExpiresAt)
{
    public static SessionView Of(ClaimsPrincipal caller) => new(
        AccessPolicies.NameOf(caller), AccessPolicies.HighestOf(caller), Sessions.EndOf(caller));
}
