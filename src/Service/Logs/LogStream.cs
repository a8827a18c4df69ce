using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Logs;

/// <summary>
/// Streams a run's log as server-sent events: each line once, under its sequence number, from which a client continues
/// after a break with <c>Last-Event-ID</c>. The last event of a run that has ended is <c>end</c>; a client closes
/// there. <c>ping</c> keeps a silent connection open.
/// </summary>
internal sealed class LogStream(IRunLogs logs, DurableTaskClient client, TimeProvider clock)
{
    private const int Page = 500;

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    // As for the streams of events.
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(15);

    /// <summary>Reads until the run has ended.</summary>
    /// <param name="id">A run.</param>
    /// <param name="filter">The lines to show.</param>
    /// <param name="after">Sequence number of the last line that the client has; null for none.</param>
    /// <param name="tail">Lines to begin with if the client has none.</param>
    /// <param name="cancellation">Cancelled when the service stops.</param>
    /// <returns>The events.</returns>
    public async IAsyncEnumerable<SseItem<string>> ReadAsync(
        RunId id, LogFilter filter, long? after, int tail, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var (at, saidAt) = (after ?? 0, clock.GetTimestamp());
        if (after is null)
        {
            at = logs.Last(id);
            foreach (var line in logs.Tail(id, filter, at, tail))
            {
                yield return Item(line);
            }
        }

        var looks = logs.LooksAfterEnd;
        while (!cancellation.IsCancellationRequested)
        {
            // The run is read first: the lines before its end can be read then, or after some looks more.
            var hasEnded = await HasEndedAsync(id, cancellation);
            var last = logs.Last(id);
            while (at < last && !cancellation.IsCancellationRequested)
            {
                var lines = logs.After(id, filter, at, last, Page);
                foreach (var line in lines)
                {
                    saidAt = clock.GetTimestamp();
                    yield return Item(line);
                }

                at = lines.Count == Page ? lines[^1].Sequence : last;
            }

            if (hasEnded && looks-- == 0)
            {
                yield return new SseItem<string>("{}", "end");
                yield break;
            }

            if (clock.GetElapsedTime(saidAt) >= LongestSilence)
            {
                saidAt = clock.GetTimestamp();
                yield return new SseItem<string>("{}", "ping");
            }

            await Task.Delay(Look, clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> HasEndedAsync(RunId id, CancellationToken cancellation)
    {
        try
        {
            // A run that was purged meanwhile has ended, too.
            return await client.GetInstanceAsync(id.Value, cancellation) is not { IsCompleted: false };
        }
        catch (Exception exception) when (exception is Grpc.Core.RpcException or OperationCanceledException)
        {
            // The stream outlives a backend that restarts.
            return false;
        }
    }

    private static SseItem<string> Item(LogLine line) =>
        new(JsonSerializer.Serialize(LogView.Of(line), RunLedger.Json), "line") { EventId = $"{line.Sequence}" };
}
