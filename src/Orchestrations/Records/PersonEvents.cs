namespace Workflows.Orchestrations;

/// <summary>Names of the events that people send to runs.</summary>
public static class PersonEvents
{
    /// <summary>Approves a run that waits for it.</summary>
    public const string Approve = "approve";

    /// <summary>Rejects a run that waits for approval, which ends it.</summary>
    public const string Reject = "reject";

    /// <summary>Ends the training with the newest step.</summary>
    public const string Finish = "finish";

    /// <summary>Gets all of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Approve, Reject, Finish];
}
