using System.Collections.Concurrent;
using Google.Apis.Auth.OAuth2.Responses;
using Workflows.Orchestrations;

namespace Workflows.Activities.Readiness;

/// <summary>
/// Asks Service Usage whether the Cloud TPU API is on in a project. That it is on, or cannot be read, is known for some
/// minutes, so that a search through many zones asks once; that it is off ends a run and may be mended at once.
/// </summary>
/// <param name="google">Google's services.</param>
/// <param name="clock">Gives the time.</param>
public sealed class ApiState(GoogleServices google, TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10), Known = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, (DateTimeOffset Until, bool? IsOn)> _known =
        new(StringComparer.Ordinal);

    /// <summary>Returns whether the API is on.</summary>
    /// <param name="project">The project that pays.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>null if Service Usage does not tell, or not within ten seconds.</returns>
    public async Task<bool?> IsOnAsync(string project, CancellationToken cancellation)
    {
        if (_known.TryGetValue(project, out var known) && known.Until > clock.GetUtcNow())
        {
            return known.IsOn;
        }

        var isOn = await AskAsync(project, cancellation);
        if (isOn == false)
        {
            _known.TryRemove(project, out _);
        }
        else
        {
            _known[project] = (clock.GetUtcNow() + Known, isOn);
        }

        return isOn;
    }

    private async Task<bool?> AskAsync(string project, CancellationToken cancellation)
    {
        using var late = new CancellationTokenSource(Patience, clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        try
        {
            return await new ProjectChecks(google.Of(isRehearsal: false)).IsApiOnAsync(project, stop.Token);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or InvalidOperationException
            or TokenResponseException or RunFaultException
            || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            // Neither cause is proved; the cloud's own text remains.
            return null;
        }
    }
}
