using System.Diagnostics;

namespace Workflows.Http.Bench;

/// <summary>The answers of a measurement.</summary>
/// <param name="PerSecond">Answers a second.</param>
/// <param name="P50">Median of the times to an answer, in milliseconds.</param>
/// <param name="P99">Their 99th percentile.</param>
/// <param name="Most">The longest of them.</param>
internal readonly record struct Figures(double PerSecond, double P50, double P99, double Most);

/// <summary>The load of the measurements: connections that each wait for an answer before they ask again.</summary>
internal static class Load
{
    /// <summary>Asks until the service has compiled what it uses: a process that has just started compiles its busiest
    /// code again for some seconds, beside the training.</summary>
    public static async Task WarmUpAsync(ServiceProcess service, string id)
    {
        await StatusAsync(service, id, 16, TimeSpan.FromSeconds(10), 0);
        await PathAsync(service, "/runs", 1, TimeSpan.FromSeconds(1));
    }

    /// <summary>Asks for the status of a run.</summary>
    public static Task<Figures> StatusAsync(
        ServiceProcess service, string id, int connections, TimeSpan time, int rate) =>
        AskAsync(service, $"/runs/{id}", connections, time, rate);

    /// <summary>Asks for a path.</summary>
    public static Task<Figures> PathAsync(ServiceProcess service, string path, int connections, TimeSpan time) =>
        AskAsync(service, path, connections, time, 0);

    private static async Task<Figures> AskAsync(
        ServiceProcess service, string path, int connections, TimeSpan time, int rate)
    {
        var begun = Stopwatch.GetTimestamp();
        var asked = 0L;
        var all = await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(async () =>
        {
            using var http = service.Connect();
            var times = new List<double>();
            while (Stopwatch.GetElapsedTime(begun) is var elapsed && elapsed < time)
            {
                // Paced over all connections, if asked for.
                if (rate > 0
                    && Interlocked.Increment(ref asked) / (double)rate - elapsed.TotalSeconds is > 0 and var wait)
                {
                    await Task.Delay(TimeSpan.FromSeconds(wait));
                }

                var sent = Stopwatch.GetTimestamp();
                using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));
                await answer.Content.CopyToAsync(Stream.Null);
                if (!answer.IsSuccessStatusCode)
                {
                    throw new InvalidOperationException($"GET {path}: {(int)answer.StatusCode}");
                }

                times.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
            }

            return times;
        })));
        double[] sorted = [.. all.SelectMany(each => each).Order()];
        return new Figures(
            sorted.Length / Stopwatch.GetElapsedTime(begun).TotalSeconds, sorted[sorted.Length / 2],
            sorted[sorted.Length * 99 / 100], sorted[^1]);
    }
}

/// <summary>Event streams of one run that are open at the same time.</summary>
internal sealed class OpenStreams : IAsyncDisposable
{
    private const int AtOnce = 50;

    private readonly CancellationTokenSource _stop = new();
    private readonly List<HttpResponseMessage> _answers = [];
    private readonly List<Task> _reading = [];
    private readonly HttpClient _http;
    private long _events;

    private OpenStreams(HttpClient http) => _http = http;

    /// <summary>Gets the number of events that all have received.</summary>
    public long Events => Interlocked.Read(ref _events);

    public static async Task<OpenStreams> OpenAsync(ServiceProcess service, string id, int count)
    {
        var open = new OpenStreams(service.Connect());
        for (var each = 0; each < count; each += AtOnce)
        {
            await Task.WhenAll(Enumerable.Range(0, Math.Min(AtOnce, count - each)).Select(_ => open.AddAsync(id)));
        }

        return open;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _answers.ForEach(answer => answer.Dispose());
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task AddAsync(string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/runs/{id}/events");
        request.Headers.Accept.ParseAdd("text/event-stream");
        var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, _stop.Token);
        answer.EnsureSuccessStatusCode();
        lock (_answers)
        {
            _answers.Add(answer);
            _reading.Add(ReadAsync(answer));
        }
    }

    private async Task ReadAsync(HttpResponseMessage answer)
    {
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(_stop.Token));
        while (await reader.ReadLineAsync(_stop.Token) is { } line)
        {
            if (line.StartsWith("event:", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref _events);
            }
        }
    }
}
