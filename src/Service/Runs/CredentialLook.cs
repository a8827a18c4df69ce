using Workflows.Activities.Readiness;
using Workflows.Artifacts;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>
/// Tells whether the service has credentials of the cloud, where its runs pay: where artifacts are in a bucket. The
/// answer is kept for a while, so that a probe calls nobody.
/// </summary>
/// <param name="look">Asks for a token.</param>
/// <param name="clock">The clock.</param>
internal sealed class CredentialLook(Func<CancellationToken, Task<ReadinessLine>> look, TimeProvider clock)
{
    /// <summary>Times for which an answer is kept: a token lives for an hour, and a fault may be mended soon.</summary>
    private static readonly TimeSpan Good = TimeSpan.FromMinutes(1), Bad = TimeSpan.FromSeconds(10);

    /// <summary>Most time of a look, and most that a probe waits for one.</summary>
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(10), Patience = TimeSpan.FromSeconds(3);

    private readonly Lock _lock = new();
    private Task<bool>? _last;
    private long _at;

    /// <summary>Returns whether runs of a service pay.</summary>
    public static bool Pays(ServiceSettings settings) => settings.Artifacts is { } text
        && ArtifactUri.TryParse(text, out _) is { Scheme: ArtifactScheme.CloudStorage };

    /// <summary>Returns whether there are credentials; false while that is not known.</summary>
    public async Task<bool> HasAsync(CancellationToken cancellation)
    {
        Task<bool> last;
        lock (_lock)
        {
            if (_last is null || (_last.IsCompleted && clock.GetElapsedTime(_at) > (_last.Result ? Good : Bad)))
            {
                (_last, _at) = (AskAsync(), clock.GetTimestamp());
            }

            last = _last;
        }

        try
        {
            return await last.WaitAsync(Patience, clock, cancellation);
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async Task<bool> AskAsync()
    {
        using var limit = new CancellationTokenSource(Most, clock);

        // Never on the thread that holds the lock.
        await Task.Yield();
        try
        {
            return (await look(limit.Token)).Level != ReadinessLevel.Fail;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
