using System.Text.Json.Serialization;
using Workflows.Activities.Deadlines;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>A run as the API shows it.</summary>
public sealed record RunView
{
    /// <summary>Gets the run's id.</summary>
    public required RunId Id { get; init; }

    /// <summary>Gets its name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Gets the run's status.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>Gets the current stage.</summary>
    public required RunStageName Stage { get; init; }

    /// <summary>Gets one line about the stage.</summary>
    public required string Detail { get; init; }

    /// <summary>Gets the time of its start.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Gets the time of its last progress.</summary>
    public DateTimeOffset LastUpdatedAt { get; init; }

    /// <summary>Gets the progress of the TPU's job; null without one.</summary>
    public ProgressView? Progress { get; init; }

    /// <summary>Gets the progress of the model's copy to the run's bucket; null if no copy is under way.</summary>
    public TransferView? Transfer { get; init; }

    /// <summary>Gets the cost so far in US dollars.</summary>
    public double AccruedUsd { get; init; }

    /// <summary>Gets the price of the nodes that cost now, in US dollars per hour.</summary>
    public double UsdPerHour { get; init; }

    /// <summary>Gets the expected cost in US dollars; null before the plan is made.</summary>
    public double? EstimatedUsd { get; init; }

    /// <summary>Gets the budget in US dollars.</summary>
    public double BudgetUsd { get; init; }

    /// <summary>Gets the run's deadline; null for none.</summary>
    public DeadlineSection? Deadline { get; init; }

    /// <summary>Gets the suspension of the run, which may still be giving back its nodes; null for none.</summary>
    public RunSuspension? Suspension { get; init; }

    /// <summary>Gets the approval that the run waits for; null if it waits for none.</summary>
    public RunApproval? Approval { get; init; }

    /// <summary>Gets the queued resource that waits for capacity; null if none does.</summary>
    public WaitingView? Waiting { get; init; }

    /// <summary>Gets the hours after which the cloud deletes each node, of flex-start; null for other modes.</summary>
    public double? MaxRunHours { get; init; }

    /// <summary>Gets the number of attempts to get a TPU.</summary>
    public int Attempts { get; init; }

    /// <summary>Gets the number of TPUs lost.</summary>
    public int Recoveries { get; init; }

    /// <summary>Gets who started it, and the run whose request it repeats; null for neither.</summary>
    public RunOrigin? Origin { get; init; }

    /// <summary>Gets the number of times that it was resumed after it had stopped.</summary>
    public int Resumptions { get; init; }

    /// <summary>Gets the command that resumes it; null if it is under way or has its verdict.</summary>
    public string? Resume { get; init; }

    /// <summary>Gets the reason why it did not succeed.</summary>
    public RunFailure? Failure { get; init; }

    /// <summary>Gets the path of the report, once there is one.</summary>
    public string? Report { get; init; }

    /// <summary>Gets the nodes that were requested and are not proved gone; they may cost money.</summary>
    public IReadOnlyList<NodeView> Nodes { get; init; } = [];

    /// <summary>Gets a value indicating whether it has ended.</summary>
    public bool HasEnded { get; init; }

    /// <summary>Gets the run's id, by the name that Durable Functions gives it.</summary>
    public string InstanceId => Id.Value;

    /// <summary>Gets the run's status by the names of Durable Functions: Pending, Running, Suspended, Completed,
    /// Failed, Canceled, Terminated.</summary>
    public string RuntimeStatus => RuntimeStatuses.Of(Status);

    /// <summary>Gets the time of its start, by the name that Durable Functions gives it.</summary>
    public DateTimeOffset CreatedTime => CreatedAt;

    /// <summary>Gets the time of its last progress, by the name that Durable Functions gives it.</summary>
    public DateTimeOffset LastUpdatedTime => LastUpdatedAt;

    /// <summary>Gets the orchestration's own status, whose parts the fields above show, too; null before its first
    /// stage.</summary>
    public RunStage? CustomStatus { get; init; }

    /// <summary>Gets the result of the orchestration; null while it is under way, and if it ended without
    /// one.</summary>
    public RunOutcome? Output { get; init; }

    /// <summary>Gets the request of the run, with its defaults; null where it was not asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunRequest? Input { get; init; }

    /// <summary>Gets the engine's history of the orchestration, of its newest part; null where it was not asked
    /// for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<HistoryEventView>? HistoryEvents { get; init; }

    /// <summary>Gets the number of older events of the history that are not shown; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? HistoryEventsLeftOut { get; init; }

    /// <summary>Gets the run that this run is a variant of; null for a run of its own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunId? Group { get; init; }

    /// <summary>Gets the variants of the run, whose costs are in its own; null for a run without.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<VariantView>? Variants { get; init; }
}

/// <summary>A variant of a run.</summary>
/// <param name="Name">Its name within the group.</param>
/// <param name="Id">Its run.</param>
/// <param name="Status">Its status; pending if it has not begun.</param>
/// <param name="Stage">Its stage.</param>
/// <param name="Detail">One line about the stage.</param>
/// <param name="AccruedUsd">Its cost so far in US dollars.</param>
/// <param name="Step">Steps done, or sentences when translating; null without a job.</param>
/// <param name="Steps">Steps or sentences in all; null without a job.</param>
/// <param name="Failure">The reason why it did not succeed; null for none.</param>
public sealed record VariantView(
    string Name, RunId Id, RunStatus Status, RunStageName Stage, string Detail, double AccruedUsd, int? Step,
    int? Steps, RunFailure? Failure);

/// <summary>A queued resource that waits for capacity.</summary>
/// <param name="Zone">Its zone.</param>
/// <param name="Since">Time of the request.</param>
/// <param name="Until">Time until which it waits.</param>
public sealed record WaitingView(string Zone, DateTimeOffset Since, DateTimeOffset Until);

/// <summary>A node that is not proved gone.</summary>
/// <param name="Node">Its id in the zone.</param>
/// <param name="Zone">The zone.</param>
/// <param name="Seconds">Seconds since its request.</param>
/// <param name="Usd">Cost so far in US dollars.</param>
public sealed record NodeView(string Node, string Zone, double Seconds, double Usd);

/// <summary>A copy of a model that is under way.</summary>
/// <param name="File">The file; empty at the end.</param>
/// <param name="Bytes">Bytes done.</param>
/// <param name="TotalBytes">Bytes in all.</param>
public sealed record TransferView(string File, long Bytes, long TotalBytes);

/// <summary>Progress of the TPU's job.</summary>
/// <param name="Detail">One line for people.</param>
/// <param name="Step">Steps done, or sentences when translating.</param>
/// <param name="Steps">Steps or sentences in all.</param>
/// <param name="Loss">Training loss of the last step.</param>
/// <param name="TokensPerSecond">Rate; sentences a second when translating; 0 while it is not known.</param>
/// <param name="CheckpointStep">Newest complete checkpoint.</param>
/// <param name="SecondsLeft">Seconds until the steps are done, at the rate of this TPU; null while not known.</param>
public sealed record ProgressView(
    string Detail, int Step, int Steps, double? Loss, double TokensPerSecond, int CheckpointStep, double? SecondsLeft);
