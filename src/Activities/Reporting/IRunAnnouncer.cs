using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>Is notified when a run ends.</summary>
public interface IRunAnnouncer
{
    /// <summary>Names this announcer among the others of a service; a ledger keeps it, so it never changes.</summary>
    public string Name { get; }

    /// <summary>Gets a value indicating whether the ledger's fact of the announcement is published, behind the run's
    /// earlier facts; then it is not called.</summary>
    public bool IsPublishedFromLedger => false;

    /// <summary>Announces the end of a run; a retry can call it again for the same run.</summary>
    /// <param name="end">The run's end.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A task that completes when the announcement was accepted.</returns>
    public Task AnnounceAsync(RunEnd end, CancellationToken cancellationToken);
}
