using Workflows.Activities.Storage;
using Workflows.Service.Runs;

namespace Workflows.Service.Database;

/// <summary>
/// Deletes state that nobody needs any more, at the start and each hour: keys of requests, sessions that have ended,
/// and notes between services. Any service may do it, and several at once do no harm.
/// </summary>
internal sealed partial class StateTrimmer(
    IStateStore state, PurgedFolders folders, TimeProvider clock, ILogger<StateTrimmer> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    /// <summary>No session is valid for longer (<c>Access:SessionHours</c>).</summary>
    private static readonly TimeSpan LongestSession = TimeSpan.FromDays(31);

    /// <summary>Services that run read a note within seconds, and one that starts reads all runs.</summary>
    private static readonly TimeSpan Notes = TimeSpan.FromDays(1);

    /// <summary>Deletes once.</summary>
    /// <exception cref="IOException">The store is away.</exception>
    public void Trim()
    {
        var now = clock.GetUtcNow();
        state.DeleteBefore(IdempotencyKeys.Folder, now - IdempotencyKeys.Lifetime);
        if (state.IsShared)
        {
            state.DeleteBefore("access/ended", now - LongestSession);
            state.TrimFacts(RunIndex.SharedNotes, now - Notes);
            folders.Clean();
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
                Trim();
                isTold = false;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                if (!isTold)
                {
                    Log.NotTrimmed(logger, exception);
                    isTold = true;
                }
            }

            await Task.Delay(Every, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4620, LogLevel.Warning, "Old state could not be deleted; it is tried again each hour.")]
        public static partial void NotTrimmed(ILogger logger, Exception exception);
    }
}
