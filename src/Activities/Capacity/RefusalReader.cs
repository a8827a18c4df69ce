using Grpc.Core;
using Workflows.Activities.Readiness;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Reads the answers to a run's requests for nodes as <see cref="RefusalClassifier"/> does, with the project, the types
/// of each zone, and the state of the API where the text leaves that open.
/// </summary>
/// <param name="catalog">The types of each zone; null if they are not known.</param>
/// <param name="api">Tells whether the API is on; null if nobody can be asked.</param>
public sealed class RefusalReader(PriceCatalog? catalog = null, ApiState? api = null)
{
    /// <summary>The code of a text that has two causes.</summary>
    internal const string Unclear = "API_OR_ZONE_FORBIDDEN";

    /// <summary>Reads a failed call.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="place">The place that was asked for a node.</param>
    /// <param name="exception">The exception of the call.</param>
    /// <returns>The verdict.</returns>
    internal Task<Refusal> ReadAsync(RunSpec spec, Candidate place, RpcException exception) =>
        SettleAsync(spec, RefusalClassifier.Classify(exception, new RefusedRequest(spec.Project, place, catalog)));

    /// <summary>Reads the error of a long-running operation.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="place">The place that was asked for a node.</param>
    /// <param name="error">The operation's error.</param>
    /// <returns>The verdict.</returns>
    internal Task<Refusal> ReadAsync(RunSpec spec, Candidate place, Google.Rpc.Status error) =>
        SettleAsync(spec, RefusalClassifier.Classify(error, new RefusedRequest(spec.Project, place, catalog)));

    /// <summary>Asks which cause a text with two has. A rehearsal's project is invented: its text stays as it
    /// is.</summary>
    private async Task<Refusal> SettleAsync(RunSpec spec, Refusal refusal)
    {
        if (refusal.Code != Unclear || spec.IsRehearsal || api is null)
        {
            return refusal;
        }

        var isOn = await api.IsOnAsync(spec.Project, CancellationToken.None);
        return isOn switch
        {
            true => As("ZONE_FORBIDDEN", "Service Usage says that the API is on: the zone is closed to this project."),
            false => As("API_DISABLED", "Service Usage says that the API is off."),
            null => refusal,
        };

        Refusal As(string code, string words)
        {
            var rule = RefusalRules.All.First(each => each.Code == code);
            return refusal with
            {
                Code = code,
                Scope = rule.Scope,
                RememberSeconds = rule.RememberSeconds,
                IsOfRun = rule.IsOfRun,
                Reason = $"{refusal.Reason} {words}",
                Fix = rule.Fix.Replace("PROJECT", spec.Project, StringComparison.Ordinal),
            };
        }
    }
}
