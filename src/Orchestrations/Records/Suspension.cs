namespace Workflows.Orchestrations;

/// <summary>A request to suspend a run, or to end its suspension.</summary>
/// <param name="Suspends">true to suspend it.</param>
/// <param name="Reason">The reason, for the record.</param>
public sealed record SuspensionRequest(bool Suspends, string Reason);

/// <summary>The suspension of a run, as its custom status has it.</summary>
/// <param name="Since">Time at which the run began to stop its work.</param>
/// <param name="Reason">The reason that was given.</param>
/// <param name="IsHeld">true once every node is proved gone, so that nothing costs; false before.</param>
public sealed record RunSuspension(DateTimeOffset Since, string Reason, bool IsHeld);

/// <summary>The beginning or the end of a suspension, for the ledger.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Number">Number of the suspension in this part of the run, from 1.</param>
/// <param name="IsSuspended">true for its beginning.</param>
/// <param name="Reason">The reason that was given last.</param>
public sealed record SuspensionChange(RunId RunId, int Number, bool IsSuspended, string Reason);
