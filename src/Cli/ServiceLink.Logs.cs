using System.Net.ServerSentEvents;
using Workflows.Service.Logs;

namespace Workflows.Cli;

/// <summary>The calls that read the logs of a run.</summary>
internal sealed partial class ServiceLink
{
    /// <summary>Most silence of a stream, which says something every 15 seconds.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);

    /// <summary>Lists the newest lines.</summary>
    /// <param name="id">The run.</param>
    /// <param name="query">The query, with its question mark.</param>
    /// <param name="cancellation">Cancels the call.</param>
    public async Task<IReadOnlyList<LogView>> LogsAsync(string id, string query, CancellationToken cancellation) =>
        (await GetAsync<IReadOnlyList<LogView>>($"/runs/{Uri.EscapeDataString(id)}/logs{query}", cancellation))!;

    /// <summary>
    /// Passes the newest lines on, and each later one once, until the run has ended; connects again after the last line
    /// when the connection is lost.
    /// </summary>
    /// <param name="id">The run.</param>
    /// <param name="query">The query, with its question mark.</param>
    /// <param name="take">Takes a line, a JSON object.</param>
    /// <param name="notice">Takes a sentence when the service does not answer.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    /// <exception cref="CommandException">The service refused it, or did not answer for minutes.</exception>
    public async Task FollowLogsAsync(
        string id, string query, Action<string> take, Action<string> notice, CancellationToken cancellation)
    {
        string? last = null;
        var (hasAnswered, isTold, heardAt) = (false, false, TimeProvider.System.GetTimestamp());
        using var patient = Patient();
        while (true)
        {
            string reason;
            try
            {
                using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                silence.CancelAfter(Silence);
                using var request = new HttpRequestMessage(
                    HttpMethod.Get, new Uri(Address, $"/runs/{Uri.EscapeDataString(id)}/logs{query}"));
                request.Headers.Accept.ParseAdd("text/event-stream");
                if (last is not null)
                {
                    request.Headers.TryAddWithoutValidation("Last-Event-ID", last);
                }

                using var answer = await patient.SendAsync(
                    request, HttpCompletionOption.ResponseHeadersRead, silence.Token);
                await ServiceAnswer.ThrowIfRefusedAsync(answer, silence.Token);
                hasAnswered = true;
                await using var body = await answer.Content.ReadAsStreamAsync(silence.Token);
                await foreach (var item in SseParser.Create(body).EnumerateAsync(silence.Token))
                {
                    (isTold, heardAt) = (false, TimeProvider.System.GetTimestamp());
                    silence.CancelAfter(Silence);
                    if (item.EventType == "end")
                    {
                        return;
                    }

                    if (item.EventType == "line")
                    {
                        take(item.Data);
                        last = item.EventId;
                    }
                }

                reason = "the stream ended";
            }
            catch (Exception exception) when (IsPassing(exception, cancellation)
                && (hasAnswered || !IsNamed)
                && TimeProvider.System.GetElapsedTime(heardAt) < Patience)
            {
                reason = exception.Message;
            }

            if (!await ReopenAsync(cancellation) && !isTold)
            {
                isTold = true;
                notice($"The service at {Address} does not answer ({reason}); asking again for "
                    + $"{Patience.TotalMinutes:0} minutes.");
            }

            await Task.Delay(Pause, cancellation);
        }
    }
}
