using System.Security.Cryptography;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>Creates the errors, with the cloud's own messages.</summary>
internal static class Refusals
{
    public static Status ApiDisabled(string number) => new()
    {
        Code = (int)Code.PermissionDenied,
        Message = $"Cloud TPU API has not been used in project {number} before or it is disabled. "
            + "Enable it by visiting "
            + "https://console.developers.google.com/apis/api/tpu.googleapis.com/overview?project="
            + $"{number} then retry. If you enabled this API recently, wait a few minutes for the action to "
            + "propagate to "
            + "our systems and retry.",
        Details =
        {
            Any.Pack(new ErrorInfo
            {
                Reason = "SERVICE_DISABLED", Domain = "googleapis.com",
                Metadata = { ["consumer"] = $"projects/{number}", ["service"] = "tpu.googleapis.com" },
            }),
        },
    };

    public static Status LocationPolicy(string project, string zone)
    {
        var message = $"Permission denied on 'locations/{zone}' (or it may not exist).";
        return new Status
        {
            Code = (int)Code.PermissionDenied,
            Message = message,
            Details =
            {
                Any.Pack(new LocalizedMessage { Locale = "en-US", Message = message }),
                Any.Pack(new ErrorInfo
                {
                    Reason = "LOCATION_POLICY_VIOLATED", Domain = "googleapis.com",
                    Metadata =
                    {
                        ["consumer"] = $"projects/{project}", ["location"] = zone, ["service"] = "tpu.googleapis.com",
                    },
                }),
            },
        };
    }

    public static Status ZoneNotSupported(string zone) => Bad(
        $"Cloud TPU received a bad request. The requested zone \"{zone}\" is not supported. [EID: {Eid()}]");

    public static Status AcceleratorNotInZone(string type, string zone) => Bad(
        "Cloud TPU received a bad request. The requested accelerator configuration for accelerator type, "
        + $"\"{type}\", could not be found in the zonal accelerator configurations for \"{zone}\".; the accelerator "
        + $"{type} was not found in zone {zone} [EID: {Eid()}]");

    public static Status Quota(string number, string quota, int limit, string zone) =>
        QuotaIn(number, quota, limit, $"zone {zone}");

    public static Status RegionQuota(string number, string quota, int limit, string region) =>
        QuotaIn(number, quota, limit, $"region {region}");

    public static Status Denied(string permission, string resource) => new()
    {
        Code = (int)Code.PermissionDenied,
        Message = $"Permission '{permission}' denied on '{resource}'",
    };

    public static Status NoReservedRoom() => new()
    {
        Code = (int)Code.ResourceExhausted,
        Message = "Insufficient reserved capacity.",
    };

    private static Status QuotaIn(string number, string quota, int limit, string place)
    {
        var message = $"Quota '{quota}' exhausted. Limit {limit} in {place}";
        return new Status
        {
            Code = (int)Code.ResourceExhausted,
            Message = message,
            Details =
            {
                Any.Pack(new QuotaFailure
                {
                    Violations =
                    {
                        new QuotaFailure.Types.Violation { Subject = $"project:{number}", Description = message },
                    },
                }),
            },
        };
    }

    public static Status NoCapacity(string zone) => new()
    {
        Code = (int)Code.ResourceExhausted,
        Message = $"There is no more capacity in the zone \"{zone}\"; you can try in another zone where "
            + "Cloud TPU Nodes "
            + $"are offered (see https://cloud.google.com/tpu/docs/regions) [EID: {Eid()}]",
    };

    public static Status NoReservation() => new()
    {
        Code = (int)Code.NotFound,
        Message = "Reservation not found",
    };

    public static Status NoFlexStart(string type, string zone) => Bad(
        $"FLEX_START provisioning model is not supported for accelerator type \"{type}\" in location \"{zone}\"");

    public static Status LocationNotFound(string zone) => new()
    {
        Code = (int)Code.PermissionDenied,
        Message = $"Location {zone} is not found or access is unauthorized.",
    };

    public static Status ApiOrZone(string zone) => new()
    {
        Code = (int)Code.PermissionDenied,
        Message = $"TPU API is not enabled or you don't have TPU access to zone: {zone}.",
    };

    public static Status RateLimited(string number, double? retrySeconds) => retrySeconds is not { } seconds
        ? new Status
        {
            Code = (int)Code.ResourceExhausted,
            Message = "Maximum number of CreateNode requests per minute has been reached.",
        }
        : new Status
        {
            Code = (int)Code.ResourceExhausted,
            Message = "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute' of "
                + $"service 'tpu.googleapis.com' for consumer 'project_number:{number}'.",
            Details =
            {
                Any.Pack(new ErrorInfo
                {
                    Reason = "RATE_LIMIT_EXCEEDED", Domain = "googleapis.com",
                    Metadata = { ["consumer"] = $"projects/{number}", ["service"] = "tpu.googleapis.com" },
                }),
                Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(seconds)) }),
            },
        };

    public static Status NotInTime(string name) => new()
    {
        Code = (int)Code.DeadlineExceeded,
        Message = $"'{name}' could not be met before its valid_until time.",
    };

    public static Status Cancelled() => new()
    {
        Code = (int)Code.Cancelled,
        Message = "The operation was cancelled.",
    };

    public static Status Unavailable() => new()
    {
        Code = (int)Code.Unavailable,
        Message = "Internal error. Please try again",
    };

    public static Status NotFound(string name) => new()
    {
        Code = (int)Code.NotFound,
        Message = $"Resource '{name}' was not found",
    };

    public static Status Exists(string name) => new()
    {
        Code = (int)Code.AlreadyExists,
        Message = $"Resource '{name}' already exists",
    };

    public static Status NoUpdateIn(string state) => Bad(
        $"Cloud TPU received a bad request. update is not supported while in state {state} [EID: {Eid()}]");

    public static Status Bad(string message) => new() { Code = (int)Code.InvalidArgument, Message = message };

    public static Status Precondition(string message) =>
        new() { Code = (int)Code.FailedPrecondition, Message = message };

    private static string Eid() => $"0x{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
}
