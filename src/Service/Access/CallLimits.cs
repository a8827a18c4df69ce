using System.Globalization;
using System.Net;
using System.Security.Claims;
using System.Threading.RateLimiting;
using Workflows.Service.Hosting;
using Workflows.Service.Messages;
using Workflows.Service.Runs;

namespace Workflows.Service.Access;

/// <summary>Limits the calls of each key, those of each address that shows no valid key, and open streams. Deliveries
/// of the Dapr sidecar have no limit: the broker's own speed is theirs.</summary>
internal static class CallLimits
{
    private const int MostPerMinute = 6_000_000;

    /// <summary>Adds the limits; only a service with authentication has them.</summary>
    /// <exception cref="ServiceStartException">A setting is outside of its range.</exception>
    public static void Add(IServiceCollection services, ServiceSettings service, int apiPort)
    {
        var settings = service.Access;
        Require(nameof(settings.CallsPerMinute), settings.CallsPerMinute);
        Require(nameof(settings.StrangerCallsPerMinute), settings.StrangerCallsPerMinute);
        Require(nameof(settings.StreamsPerKey), settings.StreamsPerKey);
        services.AddRateLimiter(options =>
        {
            options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context =>
                context.Connection.LocalPort != apiPort
                || DaprSubscription.IsProvedDelivery(context.Request, service)
                    ? RateLimitPartition.GetNoLimiter("")
                    : context.User.FindFirstValue(AccessPolicies.KeyId) is { } key
                    ? RateLimitPartition.GetTokenBucketLimiter($"key {key}", _ => Bucket(settings.CallsPerMinute))
                    : RateLimitPartition.GetTokenBucketLimiter(
                        $"from {NetworkOf(context.Connection.RemoteIpAddress)}",
                        _ => Bucket(settings.StrangerCallsPerMinute)));
            options.OnRejected = async (rejected, _) =>
            {
                var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var known)
                    ? known : TimeSpan.FromSeconds(1);
                var seconds = Math.Max(1, Math.Ceiling(wait.TotalSeconds));
                rejected.HttpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
                await Problems.Of(
                    StatusCodes.Status429TooManyRequests, "TOO_MANY_CALLS",
                    "This key, or this address without a key, has called too often. Wait as long as Retry-After says.")
                    .ExecuteAsync(rejected.HttpContext);
            };
        });
    }

    /// <summary>Calls of a minute at once, and then as many in each minute.</summary>
    private static TokenBucketRateLimiterOptions Bucket(int perMinute)
    {
        var tokens = (int)Math.Ceiling(perMinute / 60.0);
        return new TokenBucketRateLimiterOptions
        {
            TokenLimit = perMinute,
            TokensPerPeriod = tokens,
            ReplenishmentPeriod = TimeSpan.FromMinutes((double)tokens / perMinute),
            QueueLimit = 0,
        };
    }

    /// <summary>Returns an address, of version 6 the network that one subscriber has: 64 bits.</summary>
    private static string NetworkOf(IPAddress? address)
    {
        if (address is not { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6 }
            || address.IsIPv4MappedToIPv6)
        {
            return $"{(address?.IsIPv4MappedToIPv6 == true ? address.MapToIPv4() : address)}";
        }

        return Convert.ToHexStringLower(address.GetAddressBytes().AsSpan(0, 8));
    }

    private static void Require(string setting, int value)
    {
        if (value is not (>= 1 and <= MostPerMinute))
        {
            throw new ServiceStartException(string.Create(
                CultureInfo.InvariantCulture,
                $"The setting 'Workflows:Access:{setting}' cannot be {value}: use 1 to {MostPerMinute}."));
        }
    }
}
