using Microsoft.DurableTask;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>
/// Announces the end of a run to every announcer. A failing announcer does not prevent calls of the others, and a retry
/// calls only those that have not accepted the announcement yet.
/// </summary>
public sealed class AnnounceActivity(IEnumerable<IRunAnnouncer> announcers, RunLedger ledger)
    : TaskActivity<RunEnd, int>
{
    /// <summary>Announces the end of a run.</summary>
    /// <param name="context">The activity.</param>
    /// <param name="input">The run's end.</param>
    /// <returns>The number of announcers that have accepted it, in this call or an earlier one.</returns>
    /// <exception cref="AggregateException">Some announcers failed; the others were called.</exception>
    public override async Task<int> RunAsync(TaskActivityContext context, RunEnd input)
    {
        var reached = RunParts.Current(ledger.Read(input.RunId)).Where(entry => entry.Kind == LedgerKinds.Announced)
            .Select(entry => entry.Key).ToHashSet(StringComparer.Ordinal);
        var failures = new List<Exception>();
        string KeyOf(IRunAnnouncer announcer) => RunParts.KeyOf(ledger, input.RunId, announcer.Name);
        foreach (var announcer in announcers.Where(each => !reached.Contains(KeyOf(each))))
        {
            try
            {
                if (!announcer.IsPublishedFromLedger)
                {
                    await announcer.AnnounceAsync(input, CancellationToken.None);
                }

                ledger.Append(
                    input.RunId, LedgerKinds.Announced, KeyOf(announcer), new AnnouncedFact(announcer.Name)
                    {
                        End = announcer.IsPublishedFromLedger ? input : null,
                    });
                reached.Add(KeyOf(announcer));
            }
            catch (Exception exception)
            {
                // An announcer can be any code, so every exception is caught, and rethrown after the others were
                // called.
                failures.Add(new InvalidOperationException($"{announcer.Name}: {exception.Message}", exception));
            }
        }

        return failures.Count == 0
            ? reached.Count
            : throw new AggregateException(
                $"{failures.Count} of {failures.Count + reached.Count} announcers failed.", failures);
    }
}
