using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>
/// Streams a run as server-sent events: each line of its ledger once, under its sequence number, from which a client
/// continues after a break with <c>Last-Event-ID</c>; and the run itself whenever it has changed, as <c>run</c> without
/// a number. The last event of a run that has ended, or was purged, is <c>end</c>; a client closes there. While the
/// engine does not answer, <c>alive</c> keeps the connection.
/// </summary>
/// <param name="ledger">The ledger.</param>
/// <param name="runs">Shows the run.</param>
/// <param name="clock">Paces the looks.</param>
internal sealed class EventStream(RunLedger ledger, RunService runs, TimeProvider clock)
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    // Proxies cut connections that are silent for half a minute and more.
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(15);

    /// <summary>Reads until the run has ended.</summary>
    /// <param name="id">A run that the ledger knows.</param>
    /// <param name="after">Sequence number of the last event that the client has; 0 for none.</param>
    /// <param name="cancellation">Cancelled when the client has gone, or the service stops.</param>
    /// <returns>The events.</returns>
    public async IAsyncEnumerable<SseItem<string>> ReadAsync(
        RunId id, int after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var (shown, shownAt, at) = ("", clock.GetTimestamp(), after);
        while (!cancellation.IsCancellationRequested)
        {
            // The run is read first: an end that it tells has all of its events in the ledger already.
            var run = await FindAsync(id, cancellation);
            foreach (var line in EventLine.Of(ledger, id).Skip(at))
            {
                at = line.Sequence;
                yield return new SseItem<string>(Text(line), "event") { EventId = $"{line.Sequence}" };
            }

            if (run is not null && (Text(run) is var text) && (text != shown
                || clock.GetElapsedTime(shownAt) >= LongestSilence))
            {
                (shown, shownAt) = (text, clock.GetTimestamp());
                yield return new SseItem<string>(text, "run");
            }

            if (run is null && clock.GetElapsedTime(shownAt) >= LongestSilence)
            {
                shownAt = clock.GetTimestamp();
                yield return new SseItem<string>("{}", "alive");
            }

            if (run is { HasEnded: true } || (run is null && !ledger.Knows(id)))
            {
                yield return new SseItem<string>("{}", "end");
                yield break;
            }

            await Task.Delay(Look, clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Finds the run; null if the engine does not answer now.</summary>
    private async Task<RunView?> FindAsync(RunId id, CancellationToken cancellation)
    {
        try
        {
            return await runs.FindAsync(id, cancellation);
        }
        catch (Exception exception) when (exception is Grpc.Core.RpcException or OperationCanceledException)
        {
            // The stream outlives a backend that restarts; the next look tells the rest.
            return null;
        }
    }

    private static string Text<T>(T value) => JsonSerializer.Serialize(value, RunLedger.Json);
}

/// <summary>A line of a run's ledger, as the API shows it.</summary>
/// <param name="Sequence">Its number, from 1.</param>
/// <param name="At">Its time.</param>
/// <param name="Kind">Its kind, such as <c>stage</c> or <c>attempt</c>.</param>
/// <param name="Key">Its subject: a stage, a node, a number.</param>
/// <param name="Data">Its content, which depends on the kind.</param>
internal sealed record EventLine(int Sequence, DateTimeOffset At, string Kind, string Key, JsonElement Data)
{
    public static IEnumerable<EventLine> Of(RunLedger ledger, RunId id) => ledger.Read(id).Select(
        (entry, index) => new EventLine(index + 1, entry.At, entry.Kind, entry.Key, entry.Data));
}
