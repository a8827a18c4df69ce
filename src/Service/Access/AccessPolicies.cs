using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using Workflows.Orchestrations;

namespace Workflows.Service.Access;

/// <summary>The rights that endpoints need: by their method, unless they say another role.</summary>
internal static class AccessPolicies
{
    /// <summary>The claim with the id of the caller's key, by which its limits are counted.</summary>
    public const string KeyId = "workflows/key";

    /// <summary>Adds the policies.</summary>
    public static void Add(AuthorizationOptions options)
    {
        foreach (var role in Enum.GetValues<AccessRole>())
        {
            options.AddPolicy(NameOf(role), policy => policy.RequireAuthenticatedUser().RequireRole(WireName.Of(role)));
        }

        var byMethod = new AuthorizationPolicyBuilder().RequireAuthenticatedUser()
            .AddRequirements(new RoleByMethod()).Build();
        options.DefaultPolicy = byMethod;
        options.FallbackPolicy = byMethod;
    }

    /// <summary>Lets only callers with a role, or one above it, use an endpoint.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="role">The role.</param>
    public static T NeedsRole<T>(this T endpoint, AccessRole role)
        where T : IEndpointConventionBuilder => endpoint.RequireAuthorization(NameOf(role));

    /// <summary>Returns whether a caller has the rights of a role.</summary>
    public static bool Has(this ClaimsPrincipal caller, AccessRole role) => caller.IsInRole(WireName.Of(role));

    /// <summary>Returns the highest role of a caller who has one.</summary>
    public static AccessRole HighestOf(ClaimsPrincipal caller) => Enum.GetValues<AccessRole>().Last(caller.Has);

    /// <summary>Returns the caller's name, for logs and ledgers.</summary>
    public static string NameOf(ClaimsPrincipal caller) => caller.Identity?.Name ?? "nobody";

    /// <summary>Returns the caller's name, for the record of a run; null where callers have none.</summary>
    public static string? CallerOf(ClaimsPrincipal caller) =>
        caller.Identity?.AuthenticationType is null or LocalHandler.Name ? null : NameOf(caller);

    /// <summary>Returns the reason of an action with the name of the caller, for ledger and report.</summary>
    /// <param name="caller">The caller.</param>
    /// <param name="reason">The reason that the caller gave; null for none.</param>
    public static string ReasonOf(ClaimsPrincipal caller, string? reason) =>
        new CallerNote(CallerOf(caller), string.IsNullOrWhiteSpace(reason) ? null : reason)
            .Text("asked for by the API");

    /// <summary>Makes the identity of a caller.</summary>
    /// <param name="scheme">The scheme that has authenticated it.</param>
    /// <param name="id">The id of its key, or the equal of one.</param>
    /// <param name="name">Its name.</param>
    /// <param name="role">Its role; it gets those before it, too.</param>
    public static ClaimsIdentity IdentityOf(string scheme, string id, string name, AccessRole role) => new(
        [
            new Claim(ClaimTypes.Name, name), new Claim(KeyId, id),
            .. Enum.GetValues<AccessRole>().Where(each => each <= role)
                .Select(each => new Claim(ClaimTypes.Role, WireName.Of(each))),
        ],
        scheme);

    /// <summary>Returns the role that a request needs where its endpoint says none.</summary>
    public static AccessRole RoleOf(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method)
        ? AccessRole.Reader : AccessRole.Runner;

    /// <summary>Returns the role that an endpoint needs; null if it is public.</summary>
    /// <param name="metadata">The endpoint's metadata.</param>
    /// <param name="method">The method of the request.</param>
    public static AccessRole? RoleOf(IEnumerable<object> metadata, string method)
    {
        AccessRole? named = null;
        foreach (var each in metadata)
        {
            if (each is IAllowAnonymous)
            {
                return null;
            }

            foreach (var role in Enum.GetValues<AccessRole>())
            {
                if (each is IAuthorizeData data && data.Policy == NameOf(role) && !(named > role))
                {
                    named = role;
                }
            }
        }

        return named ?? RoleOf(method);
    }

    private static string NameOf(AccessRole role) => $"role:{WireName.Of(role)}";
}

/// <summary>Requires the role that the method of the request needs.</summary>
internal sealed class RoleByMethod : AuthorizationHandler<RoleByMethod>, IAuthorizationRequirement
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoleByMethod requirement)
    {
        if (context.Resource is HttpContext http
            && context.User.Has(AccessPolicies.RoleOf(http.Request.Method)))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }
}
