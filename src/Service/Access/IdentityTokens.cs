using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Tokens;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;

namespace Workflows.Service.Access;

/// <summary>
/// Authenticates callers by identity tokens of one OpenID Connect issuer, such as Google's. A token counts only with a
/// role that the settings give to its subject or its verified e-mail address.
/// </summary>
internal static class IdentityTokens
{
    /// <summary>The scheme's name.</summary>
    public const string Scheme = "Oidc";

    /// <summary>The claim with the entry of the settings that gives the caller its role.</summary>
    public const string Entry = "workflows/entry";

    private const int MostShown = 200;

    private static readonly object Pasted = new();

    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(1);

    /// <summary>Signatures with a key pair alone: the public key is no secret with which a token could be
    /// made.</summary>
    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    /// <summary>Checks the settings.</summary>
    /// <exception cref="ServiceStartException">A setting is missing or wrong.</exception>
    public static void Require(AccessSettings access)
    {
        var settings = access.Oidc;
        if (settings.Authority is null)
        {
            return;
        }

        const string section = "Workflows:Access:Oidc";
        if (!access.Authentication)
        {
            throw new ServiceStartException($"{section}:Authority needs Workflows:Access:Authentication.");
        }

        if (!settings.Authority.IsAbsoluteUri
            || !(settings.Authority.Scheme == Uri.UriSchemeHttps || settings.Authority.IsLoopback))
        {
            throw new ServiceStartException(
                $"{section}:Authority is '{settings.Authority}': use the issuer's https address, such as "
                + "https://accounts.google.com.");
        }

        if (string.IsNullOrWhiteSpace(settings.Audience) || settings.Roles.Count == 0)
        {
            throw new ServiceStartException(
                $"{section}:Authority needs {section}:Audience, for which tokens must be made, and {section}:Roles, "
                + "with a role for each subject or e-mail address. Without them every account of the issuer would do.");
        }

        foreach (var (subject, role) in settings.Roles)
        {
            if (!Enum.IsDefined(role))
            {
                throw new ServiceStartException($"{section}:Roles:{subject} is none of reader, runner, admin.");
            }
        }
    }

    /// <summary>Adds the scheme, if an issuer is set.</summary>
    public static void Add(AuthenticationBuilder schemes, OidcSettings settings)
    {
        if (settings.Authority is not { } authority)
        {
            return;
        }

        schemes.AddJwtBearer(Scheme, options =>
        {
            options.Authority = authority.ToString().TrimEnd('/');
            options.RequireHttpsMetadata = authority.Scheme == Uri.UriSchemeHttps;
            options.MapInboundClaims = false;
            options.TokenValidationParameters = new TokenValidationParameters
            {
                ValidAudience = settings.Audience,
                ValidAlgorithms = Algorithms,
                RequireExpirationTime = true,
                RequireSignedTokens = true,
                ValidateAudience = true,
                ValidateIssuer = true,
                ValidateIssuerSigningKey = true,
                ValidateLifetime = true,
                ClockSkew = Skew,
            };
            options.Events = new JwtBearerEvents
            {
                OnMessageReceived = context =>
                {
                    context.Token = context.HttpContext.Items[Pasted] as string;
                    return Task.CompletedTask;
                },
                OnTokenValidated = context => MapAsync(context, settings),
            };
        });
    }

    /// <summary>Returns the holder of a token that was pasted into the sign-in page.</summary>
    /// <param name="context">The request, which has no token of its own.</param>
    /// <param name="text">The text that was pasted.</param>
    /// <param name="settings">The issuer.</param>
    /// <returns>null for a text that is no valid token of a caller with a role.</returns>
    public static async Task<ClaimsPrincipal?> FindAsync(HttpContext context, string text, OidcSettings settings)
    {
        if (settings.Authority is null || !IsToken(text))
        {
            return null;
        }

        context.Items[Pasted] = text;
        return (await context.AuthenticateAsync(Scheme)).Principal;
    }

    /// <summary>Returns whether a caller still has the role that the settings gave it.</summary>
    public static bool HasRole(ClaimsPrincipal caller, OidcSettings settings) =>
        settings.Authority is not null && caller.FindFirstValue(Entry) is { } entry
        && settings.Roles.TryGetValue(entry, out var role) && AccessPolicies.HighestOf(caller) == role;

    /// <summary>Returns whether a request has a token that is no API key.</summary>
    public static bool IsIn(HttpRequest request) => KeyHandler.TokenOf(request) is { } token && IsToken(token);

    private static bool IsToken(string text) =>
        !text.StartsWith(AccessKey.Prefix, StringComparison.Ordinal) && text.Count(each => each == '.') == 2;

    /// <summary>Gives the caller its name and role; fails if it has none.</summary>
    private static Task MapAsync(TokenValidatedContext context, OidcSettings settings)
    {
        var token = context.Principal!;
        var subject = token.FindFirstValue("sub") ?? "";
        var address = token.FindFirstValue("email_verified") is "true" or "True" ? token.FindFirstValue("email") : null;

        // An entry with @ is an e-mail address and any other a subject: an issuer that lets its users choose their
        // subjects gives nobody the rights of an address.
        var entry = settings.Roles.Keys.FirstOrDefault(each => each.Contains('@')
            ? each.Equals(address, StringComparison.OrdinalIgnoreCase)
            : each.Equals(subject, StringComparison.Ordinal));
        if (entry is null || subject.Length == 0)
        {
            context.Fail(new AccessException(
                AccessException.Unknown, $"'{SafeText.Of(address ?? subject, MostShown)}' has no role here: "
                + "Workflows:Access:Oidc:Roles."));
            return Task.CompletedTask;
        }

        var identity = AccessPolicies.IdentityOf(
            Scheme, $"{Scheme} {subject}", SafeText.Of(address ?? subject, MostShown), settings.Roles[entry]);
        identity.AddClaim(new Claim(
            Sessions.Until,
            new DateTimeOffset(context.SecurityToken.ValidTo).ToUnixTimeSeconds().ToString(
                CultureInfo.InvariantCulture)));
        identity.AddClaim(new Claim(Entry, entry));
        context.Principal = new ClaimsPrincipal(identity);
        return Task.CompletedTask;
    }
}

/// <summary>The issuer of identity tokens, and the callers that it may name.</summary>
public sealed class OidcSettings
{
    /// <summary>Gets or sets the issuer, whose keys are found by OpenID Connect's discovery.</summary>
    /// <value>An https address such as <c>https://accounts.google.com</c>; null for no tokens.</value>
    public Uri? Authority { get; set; }

    /// <summary>Gets or sets the audience for which tokens must be made.</summary>
    /// <value>A client id, or the address that is given to <c>gcloud auth print-identity-token --audiences</c>.</value>
    public string? Audience { get; set; }

    /// <summary>Gets the role of each caller: a subject, or an e-mail address that the issuer has verified.</summary>
    public IDictionary<string, AccessRole> Roles { get; } =
        new Dictionary<string, AccessRole>(StringComparer.Ordinal);
}
