using System.Text.Json.Nodes;

namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>An error with the codes and messages of Cloud Storage.</summary>
internal sealed class StorageError(int status, string reason, string message) : Exception(message)
{
    public int Status => status;

    public static StorageError NoBucket() => new(404, "notFound", "The specified bucket does not exist.");

    public static StorageError NoObject(string bucket, string name) =>
        new(404, "notFound", $"No such object: {bucket}/{name}");

    public static StorageError NoSession() => new(404, "notFound", "Upload ID not found.");

    public static StorageError Condition() => new(
        412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.");

    /// <summary>Returns the answer to a read whose excluded version is the current one; it has no body.</summary>
    public static StorageError NotModified() => new(304, "notModified", "Not Modified");

    public static StorageError Invalid(string message) => new(400, "invalid", message);

    /// <summary>Returns an error that a scenario defines.</summary>
    public static StorageError OfScenario(int status, string bucket, string permission) => status switch
    {
        401 => new(401, "authError", "Invalid Credentials"),
        403 => new(
            403, "forbidden", $"workflows@example.iam.gserviceaccount.com does not have {permission} access to the "
            + $"Google Cloud Storage object. Permission '{permission}' denied on resource (or it may not exist)."),
        404 => NoBucket(),
        412 => Condition(),
        429 => new(
            429, "rateLimitExceeded", $"The object {bucket} exceeded the rate limit for object mutation operations "
            + "(create, update, and delete). Please reduce your request rate."),
        _ => new(status, "backendError", "We encountered an internal error. Please try again."),
    };

    public JsonObject Describe() => new()
    {
        ["error"] = new JsonObject
        {
            ["code"] = status,
            ["message"] = Message,
            ["errors"] = new JsonArray(new JsonObject
            {
                ["message"] = Message,
                ["domain"] = "global",
                ["reason"] = reason,
            }),
        },
    };
}
