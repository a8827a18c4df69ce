using System.Text.Json;
using Workflows.Activities.Storage;

namespace Workflows.Service.Database;

/// <summary>
/// Notices when another service on the same database has ended, so that its unfinished work is looked for at once: each
/// service changes its own number in one document, and looks whether those of the others change. How long one has not
/// changed is measured by the clock of the service that looks, so clocks need not agree.
/// </summary>
/// <remarks>A service that was taken for ended in error adds itself again with its next beat; the others have then
/// looked in vain, which is harmless.</remarks>
internal sealed partial class OtherServices(
    IStateStore state, TimeProvider clock, ILogger<OtherServices> logger) : BackgroundService
{
    /// <summary>The document: numbers by the services' ids.</summary>
    internal const string Document = "services";

    /// <summary>Time between two beats.</summary>
    internal static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    /// <summary>Silence after which a service has ended: three beats.</summary>
    internal static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly Dictionary<string, (long Beat, long At)> _seen = new(StringComparer.Ordinal);
    private long _beat;

    /// <summary>Raised when another service has ended, also in order.</summary>
    public event Action? Ended;

    /// <summary>Beats once, and looks at the others.</summary>
    /// <exception cref="IOException">The store is away.</exception>
    internal void Beat()
    {
        _beat++;
        var now = clock.GetTimestamp();
        List<string> gone = [];
        state.Change(Document, old =>
        {
            var beats = Read(old);
            gone =
            [
                .. beats.Where(each => each.Key != _id && IsSilent(each.Key, each.Value, now))
                    .Select(each => each.Key),
            ];
            gone.ForEach(id => beats.Remove(id));
            beats[_id] = _beat;
            return JsonSerializer.SerializeToUtf8Bytes(beats);
        });
        foreach (var id in gone)
        {
            // Only the service that took it out of the document, so that one of them looks.
            _seen.Remove(id);
            Log.Ended(logger, id[..Math.Min(8, id.Length)]);
        }

        if (gone.Count > 0)
        {
            Ended?.Invoke();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        var isTold = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                Beat();
                isTold = false;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                if (!isTold)
                {
                    isTold = true;
                    Log.NotBeaten(logger, exception.Message);
                }
            }

            await Task.Delay(Every, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool IsSilent(string id, long beat, long now)
    {
        if (!_seen.TryGetValue(id, out var last) || last.Beat != beat)
        {
            _seen[id] = (beat, now);
            return false;
        }

        return clock.GetElapsedTime(last.At, now) >= Silence;
    }

    private static Dictionary<string, long> Read(byte[]? document)
    {
        try
        {
            return document is null ? [] : JsonSerializer.Deserialize<Dictionary<string, long>>(document) ?? [];
        }
        catch (JsonException)
        {
            // Of another version: the services that are there beat again.
            return [];
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4623, LogLevel.Information,
            "Service {Id} on the same database has ended; its unpublished events and unheard answers are looked for.")]
        public static partial void Ended(ILogger logger, string id);

        [LoggerMessage(4624, LogLevel.Warning,
            "Other services on the database cannot be looked at now; tried again each 5 seconds: {Reason}")]
        public static partial void NotBeaten(ILogger logger, string reason);
    }
}
