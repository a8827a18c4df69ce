using Grpc.Core;
using Workflows.Orchestrations;
using Workflows.Service.Runs;

namespace Workflows.Service.Messages;

/// <summary>The result of a message that asks for a run.</summary>
internal abstract record RunStart
{
    /// <summary>The run is started, now or by an earlier delivery.</summary>
    public sealed record Done(RunId RunId, bool WasThere) : RunStart;

    /// <summary>The message can never start a run.</summary>
    public sealed record Refused(string Code, string Reason, Exception? Fault) : RunStart;

    /// <summary>The message is to be delivered again: it can start a run once an outage ends, or money is
    /// left.</summary>
    public sealed record Later(string Reason, Exception? Fault) : RunStart;
}

/// <summary>
/// Starts the run of a message, with the checks of <c>POST /runs</c>, whatever broker delivers it. No content makes it
/// throw.
/// </summary>
internal sealed class RunStarter(RunService runs)
{
    /// <summary>Starts a run.</summary>
    /// <param name="request">Reads the request, and throws <see cref="RunRequestException"/> if there is none.</param>
    /// <param name="key">Names the message among all of all brokers: the same one starts one run.</param>
    /// <param name="cancellation">Cancelled when the service stops.</param>
    /// <exception cref="OperationCanceledException">The service stops.</exception>
    public async Task<RunStart> StartAsync(Func<RunRequest> request, string key, CancellationToken cancellation)
    {
        try
        {
            var (id, wasThere) = await runs.StartAsync(request(), key, cancellation);
            return new RunStart.Done(id, wasThere);
        }
        catch (RunRequestException exception) when (
            exception is { Code: RunRequestException.SpendLimit, IsLasting: false })
        {
            // No fault of the message: there is money again when a run ends, or with the next day or month.
            return new RunStart.Later(exception.Message, null);
        }
        catch (RunRequestException exception)
        {
            return new RunStart.Refused(exception.Code, exception.Message, null);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested
            && exception is RpcException or IOException or UnauthorizedAccessException or TimeoutException
                or InvalidDataException or OperationCanceledException or ObjectDisposedException)
        {
            // The engine, the disk or the database failed, the service's own state is damaged, or the service stops:
            // no fault of the message.
            return new RunStart.Later(exception.Message, exception);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            return new RunStart.Refused("INTERNAL", $"{exception.GetType().Name}: {exception.Message}", exception);
        }
    }
}
