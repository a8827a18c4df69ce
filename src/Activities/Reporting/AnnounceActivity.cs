using Microsoft.DurableTask;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>
/// Announces the end of a run to every announcer. One that fails keeps no other from being called, and a retry calls
/// only those that have not accepted the announcement yet.
/// </summary>
public sealed class AnnounceActivity(IEnumerable<IRunAnnouncer> announcers, RunLedger ledger)
    : TaskActivity<RunEnd, int>
{
    /// <summary>Announces.</summary>
    /// <param name="context">The activity.</param>
    /// <param name="input">How the run ended.</param>
    /// <returns>How many announcers have accepted it, in this call or an earlier one.</returns>
    /// <exception cref="AggregateException">Some announcers failed; the others were called.</exception>
    public override async Task<int> RunAsync(TaskActivityContext context, RunEnd input)
    {
        var reached = ledger.Read(input.RunId).Where(entry => entry.Kind == LedgerKinds.Announced)
            .Select(entry => entry.Key).ToHashSet(StringComparer.Ordinal);
        var failures = new List<Exception>();
        foreach (var announcer in announcers.Where(each => !reached.Contains(each.Name)))
        {
            try
            {
                await announcer.AnnounceAsync(input, CancellationToken.None);
                ledger.Append(
                    input.RunId, LedgerKinds.Announced, announcer.Name, new AnnouncedFact(announcer.Name));
                reached.Add(announcer.Name);
            }
            catch (Exception exception)
            {
                // An announcer is anybody's code: all that it throws is thrown on, after the others were called.
                failures.Add(new InvalidOperationException($"{announcer.Name}: {exception.Message}", exception));
            }
        }

        return failures.Count == 0
            ? reached.Count
            : throw new AggregateException(
                $"{failures.Count} of {failures.Count + reached.Count} announcers failed.", failures);
    }
}
