using System.Text.Json;
using System.Text.RegularExpressions;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Ends the search when every zone gives the same answer and no rule knows it: the cause is then in the project or the
/// request, and trying zones for hours would not change the answer.
/// </summary>
internal static partial class SameAnswerRule
{
    /// <summary>The code of "read access denied", which the cloud also answers for a zone that does not
    /// exist.</summary>
    public const string ProjectForbidden = "PROJECT_FORBIDDEN";

    /// <summary>
    /// The code of "an internal error has occurred", which Google also answers to requests that it cannot serve.
    /// </summary>
    public const string CloudInternal = "CLOUD_INTERNAL_ERROR";

    /// <summary>Answers of each zone before the run ends: an outage of Google's may reach every zone at once.</summary>
    private const int InternalAnswersAZone = 2;

    /// <summary>Least number of answers in all: a single zone may have a short outage.</summary>
    private const int LeastAnswers = 3;

    /// <summary>A refusal that is remembered for longer removes the zone from this run and from this rule.</summary>
    private const double LastingSeconds = 3600;

    /// <summary>Widens a refusal to the whole project when every zone has given it.</summary>
    /// <param name="ledger">The run's plan and its earlier attempts.</param>
    /// <param name="runId">The run.</param>
    /// <param name="place">The place that answered last.</param>
    /// <param name="refusal">Its answer.</param>
    /// <returns>The refusal itself, or one that ends the run.</returns>
    public static Refusal Judge(RunLedger ledger, RunId runId, Candidate place, Refusal refusal)
    {
        if (refusal.Code is not (RefusalClassifier.Unknown or ProjectForbidden or CloudInternal))
        {
            return refusal;
        }

        var plan = ledger.Read<RunPlan>(runId, LedgerKinds.Plan).Select(fact => fact.Data).LastOrDefault();
        var zones = (plan?.Candidates ?? [place]).Select(each => each.Zone).ToHashSet(StringComparer.Ordinal);

        // Whoever resumes a run may have corrected the cause, so answers before that do not count.
        var answers = RunParts.Current(ledger.Read(runId)).Where(entry => entry.Kind == LedgerKinds.Attempt)
            .Select(entry => entry.Data.Deserialize<AttemptEnd>(RunLedger.Json)!)
            .Where(end => end is { Refusal: not null, Outcome: not AttemptOutcome.Skipped })
            .Select(end => (end.Lease.Candidate.Zone, Answer: end.Refusal!))
            .Append((place.Zone, Answer: refusal))
            .ToList();

        zones.ExceptWith(answers
            .Where(answer => answer.Answer.RememberSeconds >= LastingSeconds).Select(answer => answer.Zone));
        var words = Words(refusal.Reason);
        var same = answers.Where(answer => Words(answer.Answer.Reason) == words).ToList();
        var last = answers.GroupBy(answer => answer.Zone, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => Words(group.Last().Answer.Reason), StringComparer.Ordinal);
        var everywhere = refusal.Code == ProjectForbidden
            ? same.Select(answer => answer.Zone).Distinct(StringComparer.Ordinal).Count() >= Math.Min(2, zones.Count)
            : same.Count >= LeastOf(refusal.Code, zones.Count)
                && zones.All(zone => last.GetValueOrDefault(zone) == words);
        return everywhere
            ? refusal with
            {
                Code = refusal.Code == RefusalClassifier.Unknown ? "SAME_ANSWER_EVERYWHERE" : refusal.Code,
                Scope = RefusalScope.Project,
                RememberSeconds = 0,
                Fix = refusal.Code == CloudInternal
                    ? "Every zone answers so, again and again: look at https://status.cloud.google.com, check "
                        + "tpu.network and tpu.serviceAccount, and start the run again; if it stays, give Google's "
                        + "support these words and the time."
                    : "Every zone gives this answer: fix the project or the request as the answer says, not the zones.",
            }
            : refusal;
    }

    private static int LeastOf(string code, int zones) => code == CloudInternal
        ? Math.Max(LeastAnswers, zones * InternalAnswersAZone)
        : LeastAnswers;

    /// <summary>Removes the parts of a message that differ from zone to zone: names in quotes, paths,
    /// numbers.</summary>
    private static string Words(string reason) => Varying().Replace(reason, "*");

    [GeneratedRegex(
        """(projects|locations|zones|regions)/\S+|[a-z]+-[a-z]+\d(-[a-z])?|"[^"]*"|'[^']*'|0x[0-9a-fA-F]+|wf-\S+|\d+""",
        RegexOptions.CultureInvariant)]
    private static partial Regex Varying();
}
