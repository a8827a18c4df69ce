namespace DurableTask.Core.Exceptions;

/// <summary>The orchestrator's code did something else than its history says.</summary>
internal sealed class NonDeterministicOrchestrationException(int id, string recorded, string? attempted) : Exception(
    $"Non-deterministic orchestrator: the history holds {recorded} at action #{id}, but the code "
    + (attempted is null ? "has done nothing there" : $"asks for {attempted}")
    + ". The code was changed while the orchestration was running, or it depends on time, chance or other state "
    + "that does not replay. Run the old code for old orchestrations, or start them anew.")
{
}
