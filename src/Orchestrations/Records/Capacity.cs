using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>One place where the run may get its TPU.</summary>
/// <param name="Zone">Such as <c>us-west4-a</c>.</param>
/// <param name="AcceleratorType">Such as <c>v5litepod-8</c>.</param>
/// <param name="Provisioning">How it is rented.</param>
/// <param name="RuntimeVersion">Image of the TPU VM.</param>
/// <param name="Chips">TPU chips in the slice.</param>
/// <param name="UsdPerHour">Price of the whole slice, in US dollars an hour.</param>
public sealed record Candidate(
    string Zone, string AcceleratorType, ProvisioningMode Provisioning, string RuntimeVersion, int Chips,
    double UsdPerHour)
{
    /// <summary>The zone without its last letter: <c>us-west4</c>.</summary>
    public string Region => Zone.LastIndexOf('-') is > 0 and var dash ? Zone[..dash] : Zone;
}

/// <summary>A run's plan: places in the order to try, and the expected cost.</summary>
/// <param name="Candidates">Places in the order to try.</param>
/// <param name="EstimatedUsd">Expected cost in US dollars at the first place's price.</param>
/// <param name="EstimatedSeconds">Expected time on the TPU.</param>
public sealed record RunPlan(IReadOnlyList<Candidate> Candidates, double EstimatedUsd, double EstimatedSeconds)
{
    /// <summary>How the model comes to the worker; null in older histories, and where nothing is copied.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ModelTransfer? Transfer { get; init; }
}

/// <summary>The model's way to the run's worker.</summary>
/// <param name="From">Where it is, at the version that the run uses.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="CopyUsd">
/// Egress in US dollars for the copy to the run's bucket, which is made once for each content.
/// </param>
/// <param name="LoadUsd">Egress in US dollars each time that a node loads it, at the first place of the plan.</param>
public sealed record ModelTransfer(string From, long Bytes, double CopyUsd, double LoadUsd);

/// <summary>Reach of a refusal.</summary>
public enum RefusalScope
{
    /// <summary>This zone.</summary>
    Zone,

    /// <summary>Every zone of the region.</summary>
    Region,

    /// <summary>The whole project: no zone can help.</summary>
    Project,

    /// <summary>The request itself, in every zone.</summary>
    Request,
}

/// <summary>
/// A failed attempt, classified: its reach, how long to remember it, and its remedy.
/// </summary>
/// <param name="Code">Stable code, listed in docs/errors.md.</param>
/// <param name="Scope">How far it reaches.</param>
/// <param name="RememberSeconds">How long the place is passed over by later runs; 0: not at all.</param>
/// <param name="Reason">The cloud's own words.</param>
/// <param name="Fix">The remedy.</param>
public sealed record Refusal(string Code, RefusalScope Scope, double RememberSeconds, string Reason, string Fix);

/// <summary>A node of this run.</summary>
/// <param name="NodeName">Full resource name, <c>projects/P/locations/Z/nodes/N</c>.</param>
/// <param name="Candidate">What it is, and its price.</param>
/// <param name="Attempt">Number of the attempt that made it, from 1.</param>
public sealed record TpuLease(NodeName NodeName, Candidate Candidate, int Attempt);

/// <summary>Asks for a TPU.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Plan">Places in order.</param>
/// <param name="FirstAttempt">Number of the first attempt to make: attempts are numbered through the whole run.</param>
/// <param name="Avoid">A zone where the run just lost a TPU: it is tried last.</param>
/// <param name="RuledOut">Places that this run was refused for a lasting reason: they are not asked again.</param>
public sealed record AcquireInput(
    RunSpec Spec, RunPlan Plan, int FirstAttempt, string? Avoid, IReadOnlyList<Candidate> RuledOut);

/// <summary>A TPU, or the reason why there is none.</summary>
/// <param name="Lease">The node, ready and with its worker connected; null when none was to be had.</param>
/// <param name="NextAttempt">Number for the next attempt.</param>
/// <param name="Failure">Why there is none.</param>
/// <param name="Cancelled">The run was cancelled meanwhile.</param>
/// <param name="RuledOut">Places refused for a lasting reason, earlier ones included.</param>
public sealed record AcquireResult(
    TpuLease? Lease, int NextAttempt, RunFailure? Failure, bool Cancelled, IReadOnlyList<Candidate> RuledOut);

/// <summary>Asks the cloud for one node.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Candidate">The place.</param>
/// <param name="Attempt">Number of the attempt, from 1.</param>
public sealed record CreateNodeInput(RunSpec Spec, Candidate Candidate, int Attempt);

/// <summary>The cloud's answer to one request for a node.</summary>
/// <param name="NodeName">Full resource name.</param>
/// <param name="Operation">The long-running operation; null when refused at once.</param>
/// <param name="Refusal">Set when refused.</param>
/// <param name="Asked">false: the cloud was not asked, because it refused lately.</param>
public sealed record CreateNodeResult(NodeName NodeName, string? Operation, Refusal? Refusal, bool Asked = true);

/// <summary>Looks at a node that is being created.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Lease">The node.</param>
/// <param name="Operation">Its create operation.</param>
public sealed record ObserveNodeInput(RunSpec Spec, TpuLease Lease, string? Operation);

/// <summary>The state of a node that is being created.</summary>
/// <param name="State">The cloud's state, such as CREATING or READY, or NOT_FOUND.</param>
/// <param name="IsUsable">READY, and its worker has connected.</param>
/// <param name="Refusal">Set when the creation failed.</param>
public sealed record NodeObservation(string State, bool IsUsable, Refusal? Refusal);

/// <summary>The end of one attempt, for the ledger.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Lease">The place and the attempt's number.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Refusal">Why not.</param>
/// <param name="Seconds">From the request to the outcome.</param>
public sealed record AttemptEnd(
    RunId RunId, TpuLease Lease, AttemptOutcome Outcome, Refusal? Refusal, double Seconds);
