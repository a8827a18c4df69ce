using System.Globalization;
using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>One place where the run may get its TPU.</summary>
/// <param name="Zone">The zone, such as <c>us-west4-a</c>.</param>
/// <param name="AcceleratorType">The type, such as <c>v5litepod-8</c>.</param>
/// <param name="Provisioning">The provisioning mode.</param>
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
    /// <summary>The transfer of the model to the worker; null in older histories, and if nothing is copied.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ModelTransfer? Transfer { get; init; }

    /// <summary>Gets the on-demand places to go over to from spot, in the order to try; null if the run does not go
    /// over.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<Candidate>? OnDemand { get; init; }

    /// <summary>The expected time by its parts; null in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public TimeEstimate? Time { get; init; }

    /// <summary>Gets the egress between the run's bucket and its nodes, which the estimate does not include; null in
    /// older histories, and if nodes load nothing from a bucket.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public EgressPlan? Egress { get; init; }

    /// <summary>
    /// Gets the memory that each accelerator type's chips need for the run; null in older histories, and if it was not
    /// compared.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<TypeMemory>? Memory { get; init; }
}

/// <summary>Memory of one chip of an accelerator type, in GiB.</summary>
/// <param name="AcceleratorType">The type.</param>
/// <param name="NeededGib">
/// Memory that the run's programs need; from <see cref="EstimateSource.Ir"/> the least that they can need. null if a
/// compiler refused a program for its memory and gave no figure.
/// </param>
/// <param name="HasGib">Memory of the chip; null if the catalog does not have it.</param>
/// <param name="Source">Source of the needed memory.</param>
/// <param name="Why">Reason why no compiler counted it; null if one did.</param>
public sealed record TypeMemory(
    string AcceleratorType, double? NeededGib, double? HasGib, EstimateSource Source, string? Why);

/// <summary>Expected time on the TPU by its parts, in seconds, and the assumptions behind it.</summary>
/// <param name="Rest">Time without computing: the node's boot, loading the model, checkpoints, giving back.</param>
/// <param name="Train">Training.</param>
/// <param name="Evaluate">Translation of the test set with both models, in all directions of the request.</param>
/// <param name="Parameters">Parameters of the model.</param>
/// <param name="TrainTflops">Assumed rate of training in TFLOP/s.</param>
/// <param name="EvaluateTflops">Assumed rate of translating in TFLOP/s.</param>
/// <param name="TestPairs">Assumed sentences of the test set.</param>
/// <param name="Basis">Source of the rates, as one sentence.</param>
public sealed record TimeEstimate(
    double Rest, double Train, double Evaluate, double Parameters, double TrainTflops, double EvaluateTflops,
    int TestPairs, string Basis)
{
    /// <summary>The sum in seconds.</summary>
    [JsonIgnore]
    public double Total => Rest + Train + Evaluate;

    /// <summary>Gets the source of the times; null in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public EstimateSource? Source { get; init; }

    /// <summary>Gets the operations of an optimizer step, in TFLOP; 0 in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double StepTflop { get; init; }

    /// <summary>Gets the operations of one translation by one model, in TFLOP; 0 in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double TextTflop { get; init; }

    /// <summary>Gets the seconds of work between two checkpoints, if they are shorter than the request's steps; null
    /// for those of the request, also in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? CheckpointSeconds { get; init; }

    /// <summary>Gets what is assumed, one sentence each; null in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<string>? Assumptions { get; init; }
}

/// <summary>The model's transfer to the run's worker.</summary>
/// <param name="From">Its address, at the version that the run uses.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="CopyUsd">
/// Egress in US dollars for the copy to the run's bucket, which is made once for each content.
/// </param>
/// <param name="LoadUsd">Egress in US dollars each time that a node loads it, at the first place of the plan.</param>
public sealed record ModelTransfer(string From, long Bytes, double CopyUsd, double LoadUsd);

/// <summary>Scope of a refusal.</summary>
public enum RefusalScope
{
    /// <summary>This zone.</summary>
    Zone,

    /// <summary>Every zone of the region.</summary>
    Region,

    /// <summary>The whole project: no other zone helps.</summary>
    Project,

    /// <summary>The request itself, in every zone.</summary>
    Request,
}

/// <summary>
/// A classified refusal: its scope, the time to remember it, and its remedy.
/// </summary>
/// <param name="Code">Stable code, listed in docs/errors.md.</param>
/// <param name="Scope">Its scope.</param>
/// <param name="RememberSeconds">Seconds for which later runs skip the place; 0 for none.</param>
/// <param name="Reason">The cloud's own message.</param>
/// <param name="Fix">The remedy.</param>
public sealed record Refusal(string Code, RefusalScope Scope, double RememberSeconds, string Reason, string Fix)
{
    /// <summary>The code of a place that is left out for now, because a cheaper one may have capacity in
    /// time.</summary>
    public const string Later = "DEARER_PLACE_LATER";

    /// <summary>Gets the time until which every zone of the region would be refused without a request; null for a
    /// refusal of another scope, for one that is not remembered, and in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DateTimeOffset? RegionUntil { get; init; }

    /// <summary>The code of too many requests in a short time, which says nothing about the place.</summary>
    public const string RateLimited = "RATE_LIMITED";

    /// <summary>Gets the slices for which a quota is too small, whichever of them was asked for; null for none, and in
    /// older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public IReadOnlyList<QuotaReach>? Quotas { get; init; }

    /// <summary>Gets the seconds after which the same request may be made again in the same place, of a rate limit;
    /// null for others, and in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? RetryAfterSeconds { get; init; }

    /// <summary>Gets a value indicating whether the cause may be in the request or the project, so that other runs do
    /// not pass the place over; false in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsOfRun { get; init; }
}

/// <summary>
/// Slices for which a quota is too small. A quota counts one family of types, by the number in the type's name, which
/// is chips or TensorCores as in the limit.
/// </summary>
/// <param name="Generation">The name of their types before the number, such as <c>v5litepod</c>.</param>
/// <param name="Least">The least number.</param>
/// <param name="Most">The largest number; null for no end.</param>
/// <param name="Modes">Their provisioning modes.</param>
/// <param name="Place">A zone, or a region with all of its zones.</param>
public sealed record QuotaReach(
    string Generation, long Least, long? Most, IReadOnlyList<ProvisioningMode> Modes, string Place)
{
    /// <summary>Returns whether a place asks for one of the slices.</summary>
    /// <param name="place">The place.</param>
    public bool Has(Candidate place)
    {
        ArgumentNullException.ThrowIfNull(place);
        var (type, dash) = (place.AcceleratorType, place.AcceleratorType.LastIndexOf('-'));
        return dash > 0 && type[..dash] == Generation
            && long.TryParse(type.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= Least && !(number > Most) && Modes is not null && Modes.Contains(place.Provisioning)
            && Place is { Length: > 0 } && (Place == place.Zone || Place == place.Region);
    }
}

/// <summary>A node of this run.</summary>
/// <param name="NodeName">Full resource name, <c>projects/P/locations/Z/nodes/N</c>.</param>
/// <param name="Candidate">Its place, type and price.</param>
/// <param name="Attempt">Number of the attempt that created it, from 1.</param>
public sealed record TpuLease(NodeName NodeName, Candidate Candidate, int Attempt);

/// <summary>A request for a TPU.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Plan">Places in order.</param>
/// <param name="FirstAttempt">Number of the first attempt to make: attempts are numbered through the whole run.</param>
/// <param name="Avoid">A zone where the run just lost a TPU, which is tried last.</param>
/// <param name="RuledOut">Places that refused this run for a lasting reason, which are not tried again.</param>
public sealed record AcquireInput(
    RunSpec Spec, RunPlan Plan, int FirstAttempt, string? Avoid, IReadOnlyList<Candidate> RuledOut)
{
    /// <summary>Gets the time at which the run is stopped; null for no limit.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DateTimeOffset? StopAt { get; init; }

    /// <summary>Gets a value indicating whether the run has gone over to on-demand nodes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSwitched { get; init; }

    /// <summary>Gets the work that is left; null without a deadline, or if the run does not go over.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public WorkOutlook? Outlook { get; init; }

    /// <summary>Gets the node that was lost and is not proved gone: until then it holds its quota. null for none, and
    /// in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public TpuLease? Leaving { get; init; }

    /// <summary>Gets a node that a move had asked for when the working one was lost; it is waited for first. null for
    /// none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public OpenMove? Pending { get; init; }
}

/// <summary>A TPU, or the reason why there is none.</summary>
/// <param name="Lease">The node, ready and with its worker connected; null if there is none.</param>
/// <param name="NextAttempt">Number for the next attempt.</param>
/// <param name="Failure">The reason why there is none.</param>
/// <param name="Cancelled">true if the run was cancelled meanwhile.</param>
/// <param name="RuledOut">Places that refused for a lasting reason, including earlier ones.</param>
public sealed record AcquireResult(
    TpuLease? Lease, int NextAttempt, RunFailure? Failure, bool Cancelled, IReadOnlyList<Candidate> RuledOut)
{
    /// <summary>Gets a value indicating whether the run has gone over to on-demand nodes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSwitched { get; init; }
}

/// <summary>A request for one node.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Candidate">The place.</param>
/// <param name="Attempt">Number of the attempt, from 1.</param>
public sealed record CreateNodeInput(RunSpec Spec, Candidate Candidate, int Attempt)
{
    /// <summary>Gets a value indicating whether the node is to replace one that works.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsMove { get; init; }

    /// <summary>Gets the rate limits that the search has met in a row, which make the next wait longer.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int RateLimits { get; init; }
}

/// <summary>The cloud's answer to one request for a node.</summary>
/// <param name="NodeName">Full resource name.</param>
/// <param name="Operation">The long-running operation; null if the request was refused at once.</param>
/// <param name="Refusal">The refusal; null for none.</param>
/// <param name="Asked">false if no request was sent, because the cloud refused lately.</param>
public sealed record CreateNodeResult(NodeName NodeName, string? Operation, Refusal? Refusal, bool Asked = true)
{
    /// <summary>Gets a value indicating whether no request was answered, so that the node may exist or not; false in
    /// older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsUnanswered { get; init; }
}

/// <summary>A poll of a node that is being created.</summary>
/// <param name="Spec">The run.</param>
/// <param name="Lease">The node.</param>
/// <param name="Operation">Its create operation.</param>
public sealed record ObserveNodeInput(RunSpec Spec, TpuLease Lease, string? Operation)
{
    /// <summary>Gets the time at which the run is stopped; null for no limit.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public DateTimeOffset? StopAt { get; init; }

    /// <summary>Gets a value indicating whether the run has no other node that works, so that each poll asks for the
    /// release of those of earlier attempts that are not proved gone. false in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSearch { get; init; }
}

/// <summary>The state of a node that is being created.</summary>
/// <param name="State">The cloud's state, such as CREATING or READY, or NOT_FOUND.</param>
/// <param name="IsUsable">true if it is READY and its worker has connected.</param>
/// <param name="Refusal">The refusal, if the creation failed; otherwise null.</param>
public sealed record NodeObservation(string State, bool IsUsable, Refusal? Refusal)
{
    /// <summary>Gets a value indicating whether the request waits for capacity, so that no node exists yet.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsQueued { get; init; }

    /// <summary>Gets the cost of the run so far, of a variant that of its whole group, if that and the cost of giving
    /// the nodes back reach the budget; null if not, and in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? SpentUsd { get; init; }

    /// <summary>Gets a value indicating whether the time of the run is over; false in older histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsTimeOver { get; init; }

    /// <summary>Gets the seconds before which the cloud wants no other look; null for none, and in older
    /// histories.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double? RetryAfterSeconds { get; init; }
}

/// <summary>The end of one attempt, for the ledger.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Lease">The place and the attempt's number.</param>
/// <param name="Outcome">Its outcome.</param>
/// <param name="Refusal">The reason why it failed; null for none.</param>
/// <param name="Seconds">From the request to the outcome.</param>
public sealed record AttemptEnd(
    RunId RunId, TpuLease Lease, AttemptOutcome Outcome, Refusal? Refusal, double Seconds);
