using System.Net;
using Google;
using Google.Apis.Auth.OAuth2.Responses;

namespace Workflows.Artifacts;

/// <summary>Recognises faults of Cloud Storage, and reads Google's messages.</summary>
internal static class StorageFaults
{
    private static readonly HttpStatusCode[] Passing =
    [
        HttpStatusCode.RequestTimeout, HttpStatusCode.TooManyRequests, HttpStatusCode.InternalServerError,
        HttpStatusCode.BadGateway, HttpStatusCode.ServiceUnavailable, HttpStatusCode.GatewayTimeout,
    ];

    /// <summary>Returns whether another try may help.</summary>
    public static bool IsTransient(Exception exception) => exception switch
    {
        GoogleApiException google => Passing.Contains(google.HttpStatusCode),
        HttpRequestException or IOException or HttpIOException => true,

        // Without a cancelled call this is a time-out of the connection.
        TaskCanceledException => true,
        _ => false,
    };

    /// <summary>Returns whether the object, not its bucket, is missing.</summary>
    public static bool IsMissingObject(GoogleApiException exception) =>
        exception.HttpStatusCode == HttpStatusCode.NotFound
        && !Words(exception).Contains("bucket does not exist", StringComparison.OrdinalIgnoreCase);

    /// <summary>Returns whether the object has another version than required.</summary>
    public static bool IsChanged(Exception exception) =>
        exception is GoogleApiException { HttpStatusCode: HttpStatusCode.PreconditionFailed };

    public static ArtifactException Typed(ArtifactUri uri, Exception exception)
    {
        if (exception is not GoogleApiException google)
        {
            return exception is InvalidOperationException or TokenResponseException
                ? new ArtifactException(
                    ArtifactFault.Unauthenticated, $"{uri}", exception.Message,
                    "Run 'gcloud auth application-default login', or name a key in GOOGLE_APPLICATION_CREDENTIALS.",
                    exception)
                : Of(ArtifactFault.Unavailable, "Look at the network between this machine and Cloud Storage.");
        }

        return google.HttpStatusCode switch
        {
            HttpStatusCode.Unauthorized => Of(
                ArtifactFault.Unauthenticated,
                "Run 'gcloud auth application-default login', or give the machine's service account a token."),
            HttpStatusCode.Forbidden => Of(
                ArtifactFault.Forbidden,
                $"Grant this program's account roles/storage.objectAdmin on gs://{uri.Container}."),
            HttpStatusCode.NotFound => Of(
                ArtifactFault.NotFound,
                $"Look with 'gcloud storage ls gs://{uri.Container}'; a bucket is made by 'gcloud storage buckets "
                + "create'."),
            HttpStatusCode.PreconditionFailed => Of(
                ArtifactFault.Precondition, "Somebody else wrote it; read it again and decide anew."),
            HttpStatusCode.TooManyRequests => Of(
                ArtifactFault.RateLimited, "Wait a minute; one object can be written about once a second."),
            >= HttpStatusCode.InternalServerError => Of(
                ArtifactFault.Unavailable, "Wait, and look at the status page of Google Cloud."),
            HttpStatusCode.RequestedRangeNotSatisfiable => Of(ArtifactFault.Truncated, "Write it again, whole."),
            _ => Of(ArtifactFault.Refused, "Correct what the message names."),
        };

        ArtifactException Of(ArtifactFault fault, string fix) =>
            new(fault, $"{uri}", Words(exception), fix, exception);
    }

    private static string Words(Exception exception)
    {
        var words = exception is GoogleApiException google
            ? google.Error?.Message is { Length: > 0 } said
                ? said
                : $"Cloud Storage answered {(int)google.HttpStatusCode} {google.HttpStatusCode}."
            : exception.Message;
        return words.EndsWith('.') ? words : $"{words}.";
    }
}
