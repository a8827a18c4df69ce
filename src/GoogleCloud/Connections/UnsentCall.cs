using System.Net.Sockets;
using Grpc.Core;

namespace Workflows.GoogleCloud.Connections;

/// <summary>
/// Recognises calls that certainly never left this machine (no token, no address, no connection), as opposed to those
/// that may have arrived.
/// </summary>
public static class UnsentCall
{
    private const string Mark = "Not sent: ";

    /// <summary>Returns whether an error proves that its request was not sent.</summary>
    /// <param name="exception">The error of the call.</param>
    /// <returns>true if the service cannot have received it; false if that is unknown.</returns>
    public static bool IsProved(RpcException exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        if (exception.Status.Detail.StartsWith(Mark, StringComparison.Ordinal))
        {
            return true;
        }

        for (var cause = exception.Status.DebugException; cause is not null; cause = cause.InnerException)
        {
            if (cause is HttpRequestException
                {
                    HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
                        or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError
                }
                or SocketException
                {
                    // Errors of a connection that was never established; other errors can break one that has carried
                    // the call.
                    SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound or SocketError.TryAgain
                        or SocketError.NoData or SocketError.HostUnreachable or SocketError.NetworkUnreachable
                })
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Creates the error of a call for which there was no token.</summary>
    /// <param name="code">UNAUTHENTICATED: the credentials are refused; UNAVAILABLE: there was no answer.</param>
    /// <param name="reason">The message.</param>
    /// <returns>The error, which <see cref="IsProved"/> recognises.</returns>
    internal static RpcException WithoutToken(StatusCode code, string reason) => new(new Status(code, Mark + reason));
}
