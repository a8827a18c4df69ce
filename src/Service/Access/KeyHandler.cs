using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Workflows.Service.Access;

/// <summary>Authenticates callers by an API key: <c>Authorization: Bearer wfk_...</c></summary>
internal sealed class KeyHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, KeyRing keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    /// <summary>The scheme's name.</summary>
    public const string Name = "Key";

    private const string Bearer = "Bearer ";

    /// <summary>Returns the token of a request; null if it has none of this kind.</summary>
    public static string? TokenOf(HttpRequest request) =>
        request.Headers.Authorization is [{ } only] && only.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? only[Bearer.Length..].Trim() : null;

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authenticate());

    private AuthenticateResult Authenticate()
    {
        if (Request.Headers.Authorization.Count == 0)
        {
            return AuthenticateResult.NoResult();
        }

        if (TokenOf(Request) is not { } token)
        {
            return AuthenticateResult.Fail(new AccessException(
                AccessException.Invalid, "The header Authorization has another form than 'Bearer KEY'."));
        }

        try
        {
            return keys.Find(token) is not { } key
                ? AuthenticateResult.Fail(new AccessException(
                    AccessException.Invalid,
                    "The key is not one of this service, or was revoked. 'workflows keys list' shows those that are."))
                : key.HasExpired(TimeProvider.GetUtcNow())
                ? AuthenticateResult.Fail(new AccessException(
                    AccessException.Expired, $"The key '{key.Name}' has expired, at {key.ExpiresAt:u}."))
                : AuthenticateResult.Success(new AuthenticationTicket(
                    new ClaimsPrincipal(AccessPolicies.IdentityOf(Name, key.Id, key.Name, key.Role)), Name));
        }
        catch (KeyFileException exception)
        {
            return AuthenticateResult.Fail(exception);
        }
    }
}

/// <summary>Signs in every caller where authentication is off: whoever reaches the loopback interface.</summary>
internal sealed class LocalHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    /// <summary>The scheme's name.</summary>
    public const string Name = "Local";

    private static readonly AuthenticateResult Everybody = AuthenticateResult.Success(new AuthenticationTicket(
        new ClaimsPrincipal(AccessPolicies.IdentityOf(Name, "local", "local", AccessRole.Admin)), Name));

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Everybody);
}

/// <summary>A refusal of a caller's credentials.</summary>
/// <param name="code">Its code in problem documents.</param>
/// <param name="message">The reason, without a part of the secret.</param>
internal sealed class AccessException(string code, string message) : Exception(message)
{
    public const string Missing = "KEY_MISSING", Invalid = "KEY_INVALID", Expired = "KEY_EXPIRED",
        Unknown = "IDENTITY_UNKNOWN";

    public string Code { get; } = code;
}
