using System.Text.RegularExpressions;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Ends the search when every zone gives the same answer that no rule knows: the fault is then the project's or the
/// request's, and walking the zones for hours would not find another answer.
/// </summary>
internal static partial class SameAnswerRule
{
    /// <summary>The code of "read access denied", which a zone that does not exist is answered too.</summary>
    public const string ProjectForbidden = "PROJECT_FORBIDDEN";

    /// <summary>
    /// The code of "an internal error has occurred", which Google also answers to requests that it cannot take.
    /// </summary>
    public const string CloudInternal = "CLOUD_INTERNAL_ERROR";

    /// <summary>An outage of Google's may reach every zone at once: each is asked again before the run ends.</summary>
    private const int InternalAnswersAZone = 2;

    /// <summary>One zone may be in trouble for a moment: so many answers are wanted in all.</summary>
    private const int LeastAnswers = 3;

    /// <summary>A refusal that is remembered for longer takes the zone out of this run, and out of this rule.</summary>
    private const double LastingSeconds = 3600;

    /// <summary>Widens a refusal to the whole project when every zone has given it.</summary>
    /// <param name="ledger">Has the run's plan and its earlier attempts.</param>
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

        var plan = ledger.Read<RunPlan>(runId, LedgerKinds.Plan).Select(fact => fact.Data).FirstOrDefault();
        var zones = (plan?.Candidates ?? [place]).Select(each => each.Zone).ToHashSet(StringComparer.Ordinal);
        var answers = ledger.Read<AttemptEnd>(runId, LedgerKinds.Attempt)
            .Select(fact => fact.Data)
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
                    : "Every zone answers so: mend the project or the request as the answer says, not the zones.",
            }
            : refusal;
    }

    private static int LeastOf(string code, int zones) => code == CloudInternal
        ? Math.Max(LeastAnswers, zones * InternalAnswersAZone)
        : LeastAnswers;

    /// <summary>The words without the parts that differ from zone to zone: names in quotes, paths, numbers.</summary>
    private static string Words(string reason) => Varying().Replace(reason, "*");

    [GeneratedRegex(
        """(projects|locations|zones|regions)/\S+|[a-z]+-[a-z]+\d(-[a-z])?|"[^"]*"|'[^']*'|0x[0-9a-fA-F]+|wf-\S+|\d+""",
        RegexOptions.CultureInvariant)]
    private static partial Regex Varying();
}
