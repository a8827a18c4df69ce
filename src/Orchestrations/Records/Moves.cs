using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>Whether a working run may go over to a cheaper node.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MoveChoice>))]
public enum MoveChoice
{
    /// <summary>It stays on its node.</summary>
    [JsonStringEnumMemberName("none")]
    None,

    /// <summary>It goes over to a cheaper spot node where that pays and the deadline stays safe.</summary>
    [JsonStringEnumMemberName("cheaper")]
    Cheaper,
}

/// <summary>Reasons of a move.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MoveReason>))]
public enum MoveReason
{
    /// <summary>From an on-demand node back to spot, because the deadline leaves time for a loss again.</summary>
    [JsonStringEnumMemberName("back-to-spot")]
    BackToSpot,

    /// <summary>From a spot node to a much cheaper one.</summary>
    [JsonStringEnumMemberName("cheaper-spot")]
    CheaperSpot,
}

/// <summary>A cheaper place for a working run.</summary>
/// <param name="To">The place.</param>
/// <param name="Reason">The reason.</param>
/// <param name="SavingUsd">Expected saving in US dollars, without the cost of the move.</param>
/// <param name="CostUsd">Expected cost of the move in US dollars: two nodes for a while, and the restart.</param>
public sealed record MoveProposal(Candidate To, MoveReason Reason, double SavingUsd, double CostUsd)
{
    /// <summary>Gets a value indicating whether the work continues while the old node is given back; false in older
    /// histories, in which it waits for that.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ReleasesBeside { get; init; }
}

/// <summary>A move under way: the new node is being created while the old one works.</summary>
/// <param name="From">The node that works.</param>
/// <param name="To">The node that is to continue.</param>
/// <param name="Operation">The cloud's operation that creates it; null if it was found.</param>
/// <param name="Reason">The reason.</param>
/// <param name="SavingUsd">Expected saving in US dollars, without the cost of the move.</param>
/// <param name="CostUsd">Expected cost of the move in US dollars.</param>
/// <param name="BegunAt">Time of the request.</param>
public sealed record OpenMove(
    TpuLease From, TpuLease To, string? Operation, MoveReason Reason, double SavingUsd, double CostUsd,
    DateTimeOffset BegunAt)
{
    /// <summary>Gets a value indicating whether the work continues while the old node is given back; false in older
    /// histories, in which it waits for that.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ReleasesBeside { get; init; }
}

/// <summary>Steps of a move.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MoveStep>))]
public enum MoveStep
{
    /// <summary>The cloud accepted the request for the new node.</summary>
    [JsonStringEnumMemberName("begun")]
    Begun,

    /// <summary>The job continues on the new node.</summary>
    [JsonStringEnumMemberName("done")]
    Done,

    /// <summary>The new node is given back, and the old one works on.</summary>
    [JsonStringEnumMemberName("given-up")]
    GivenUp,
}

/// <summary>A step of a move, for the ledger.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Move">The move.</param>
/// <param name="Step">The step.</param>
/// <param name="Seconds">Seconds since the request for the new node.</param>
/// <param name="Why">Code of the reason for which it was given up; null otherwise.</param>
public sealed record MoveRecord(RunId RunId, OpenMove Move, MoveStep Step, double Seconds, string? Why);
