using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Workflows.Orchestrations;
using Workflows.Service.Database;
using Workflows.Service.Runs;

namespace Workflows.Service.Access;

/// <summary>Answers callers that may not do what they ask: 401 or 403 with a code, whatever scheme refused
/// them.</summary>
internal sealed partial class AccessAnswers(ILogger<AccessAnswers> logger) : IAuthorizationMiddlewareResultHandler
{
    /// <summary>The problem of a caller that lacks a role.</summary>
    public const string RoleInsufficient = "ROLE_INSUFFICIENT";

    public async Task HandleAsync(
        RequestDelegate next, HttpContext context, AuthorizationPolicy policy,
        PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded)
        {
            await next(context);
            return;
        }

        var path = SafeText.Of(context.Request.Path.Value, 200);
        if (authorizeResult.Forbidden)
        {
            var role = AccessPolicies.RoleOf(context.GetEndpoint()?.Metadata ?? [], context.Request.Method)
                ?? AccessRole.Reader;
            Log.Forbidden(logger, AccessPolicies.NameOf(context.User), context.Request.Method, path);
            await Forbidden(context, role).ExecuteAsync(context);
            return;
        }

        // Asked again, and not looked at again: the scheme keeps its result for the request.
        var failure = (await context.AuthenticateAsync()).Failure;
        if (failure is KeyFileException broken)
        {
            Log.Unreadable(logger, broken.Message);
            if (broken.InnerException is DatabaseException)
            {
                // Nothing is wrong with the keys.
                await Problems.StateUnavailable().ExecuteAsync(context);
                return;
            }

            await Problems.Of(
                StatusCodes.Status503ServiceUnavailable, "KEYS_UNREADABLE",
                "The service cannot read its keys, so it lets nobody in; its log has the reason.")
                .ExecuteAsync(context);
            return;
        }

        var (code, detail) = failure switch
        {
            null => (AccessException.Missing, "This needs an API key: send the header 'Authorization: Bearer wfk_...', "
                + "or sign in at / in a browser. 'workflows keys make NAME' makes one on the service's machine."),
            AccessException refused => (refused.Code, refused.Message),
            _ => (AccessException.Invalid, "The token or session is not valid here, or no longer."),
        };
        if (failure is not null)
        {
            Log.Refused(logger, context.Request.Method, path, code, $"{context.Connection.RemoteIpAddress}");
        }

        // RFC 6750, section 3: no error is named to a caller that sent no credentials.
        context.Response.Headers.WWWAuthenticate =
            failure is null ? "Bearer realm=\"workflows\"" : "Bearer realm=\"workflows\", error=\"invalid_token\"";
        await Problems.Of(StatusCodes.Status401Unauthorized, code, detail).ExecuteAsync(context);
    }

    /// <summary>Makes the answer to a caller that lacks a role.</summary>
    public static IResult Forbidden(HttpContext context, AccessRole role)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer realm=\"workflows\", error=\"insufficient_scope\"";
        return Problems.Of(
            StatusCodes.Status403Forbidden, RoleInsufficient,
            $"This needs the role '{WireName.Of(role)}', which '{AccessPolicies.NameOf(context.User)}' does not have. "
            + $"'workflows keys make NAME --role {WireName.Of(role)}' makes a key that has it.");
    }

    private static partial class Log
    {
        [LoggerMessage(4410, LogLevel.Warning, "Refused {Method} {Path} from {Address}: {Code}")]
        public static partial void Refused(ILogger logger, string method, string path, string code, string address);

        [LoggerMessage(4411, LogLevel.Warning, "Refused {Method} {Path} to '{Caller}', whose role does not allow it")]
        public static partial void Forbidden(ILogger logger, string caller, string method, string path);

        [LoggerMessage(4412, LogLevel.Error, "{Reason}")]
        public static partial void Unreadable(ILogger logger, string reason);
    }
}
