using System.Text.Json;
using System.Text.Json.Serialization;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;

namespace Workflows.Activities.Reporting;

/// <summary>One fact about a run, never changed once written.</summary>
/// <param name="At">Time of the write.</param>
/// <param name="Kind">The kind of the fact; see <see cref="LedgerKinds"/>.</param>
/// <param name="Key">Names the fact within its kind: a repeated write of the same key is dropped.</param>
/// <param name="Data">The fact.</param>
public sealed record LedgerEntry(DateTimeOffset At, string Kind, string Key, JsonElement Data);

/// <summary>Kinds of ledger entries.</summary>
public static class LedgerKinds
{
    /// <summary>A stage began: <see cref="StageInput"/>.</summary>
    public const string Stage = "stage";

    /// <summary>The plan: <see cref="RunPlan"/>.</summary>
    public const string Plan = "plan";

    /// <summary>The other ways to do a run's work, as its plan expected them: a list of
    /// <see cref="Capacity.PlanWay"/>.</summary>
    public const string Ways = "ways";

    /// <summary>The version of a model that is not on this machine: <see cref="Artifacts.ModelFact"/>.</summary>
    public const string Model = "model";

    /// <summary>The model was copied to where the worker reads it: <see cref="Artifacts.ModelBroughtFact"/>.</summary>
    public const string ModelBrought = "model-brought";

    /// <summary>The corpus: <see cref="PreparedData"/>.</summary>
    public const string Data = "data";

    /// <summary>A node is about to be requested: <see cref="TpuLease"/>.</summary>
    public const string Intent = "intent";

    /// <summary>A node is asked for by a queued resource: <see cref="Provisioning.QueuedFact"/>, before the
    /// request.</summary>
    public const string Queued = "queued";

    /// <summary>A request for a node is about to be sent: <see cref="NodeMoment"/>, one for each try.</summary>
    public const string Asking = "asking";

    /// <summary>A request for a node never left this machine: <see cref="NodeMoment"/>.</summary>
    public const string Unsent = "unsent";

    /// <summary>An attempt ended: <see cref="AttemptEnd"/>.</summary>
    public const string Attempt = "attempt";

    /// <summary>A node was seen READY for the first time, and costs from here: <see cref="NodeMoment"/>.</summary>
    public const string Ready = "ready";

    /// <summary>A node stopped costing: <see cref="NodeMoment"/>.</summary>
    public const string Stopped = "stopped";

    /// <summary>The cloud was asked to delete a node: <see cref="NodeDeletion"/>, one for each operation.</summary>
    public const string Deletion = "deletion";

    /// <summary>A node that the run uses no more could not be given back: <see cref="NodeMoment"/> with the first
    /// reason. It is tried again.</summary>
    public const string NotReleased = "not-released";

    /// <summary>The bytes that a job without an end had moved when its node was given back:
    /// <see cref="Training.MovedFact"/>.</summary>
    public const string Transferred = "transferred";

    /// <summary>A node is proved gone: <see cref="NodeMoment"/>.</summary>
    public const string Released = "released";

    /// <summary>A node is offered to the other variants of the group: <see cref="TpuLease"/>.</summary>
    public const string Offered = "offered";

    /// <summary>An offered node is another run's from now on, or released: <see cref="Handover.HandedFact"/>.</summary>
    public const string Handed = "handed";

    /// <summary>The run got another run's node: <see cref="Handover.ReceivedFact"/>.</summary>
    public const string Received = "received";

    /// <summary>A sweep released a remaining node of the run: <see cref="Sweeping.SweptFact"/>.</summary>
    public const string Swept = "swept";

    /// <summary>A TPU was lost: <see cref="OpenRecovery"/>.</summary>
    public const string Loss = "loss";

    /// <summary>The run recovered from a loss: <see cref="RecoveryEnd"/>.</summary>
    public const string Recovered = "recovered";

    /// <summary>The run went over from spot to on-demand nodes: <see cref="SpotSwitch"/>.</summary>
    public const string Switched = "switched";

    /// <summary>A node for a move was asked for: <see cref="MoveRecord"/>.</summary>
    public const string MoveBegun = "move-begun";

    /// <summary>The job continues on a cheaper node: <see cref="MoveRecord"/>.</summary>
    public const string Moved = "moved";

    /// <summary>A move was given up: <see cref="MoveRecord"/>.</summary>
    public const string MoveGivenUp = "move-given-up";

    /// <summary>The run is not done at its deadline: <see cref="Deadlines.DeadlineMiss"/>.</summary>
    public const string DeadlineMissed = "deadline-missed";

    /// <summary>The scores.</summary>
    public const string Scores = "scores";

    /// <summary>A worker was given a job: <see cref="DispatchInput"/>.</summary>
    public const string Job = "job";

    /// <summary>A validation was measured: <see cref="Training.ValidationFact"/>.</summary>
    public const string Validation = "validation";

    /// <summary>A job ended: <see cref="Training.EndFact"/>.</summary>
    public const string JobEnded = "job-ended";

    /// <summary>The secret of a node became void: <see cref="NodeMoment"/>.</summary>
    public const string Revoked = "revoked";

    /// <summary>An announcer accepted the run's end: <see cref="AnnouncedFact"/>.</summary>
    public const string Announced = "announced";

    /// <summary>The run ended: <see cref="RunOutcome"/>.</summary>
    public const string End = "end";

    /// <summary>The run was resumed after its end: <see cref="ResumedFact"/>.</summary>
    public const string Resumed = "resumed";

    /// <summary>The run was suspended: <see cref="SuspensionChange"/>.</summary>
    public const string Suspended = "suspended";

    /// <summary>A suspension of the run ended: <see cref="SuspensionChange"/>.</summary>
    public const string Unsuspended = "unsuspended";

    /// <summary>The run waits for a person's approval: <see cref="RunApproval"/>.</summary>
    public const string ApprovalAsked = "approval-asked";

    /// <summary>The wait for an approval is over: <see cref="ApprovalDecision"/>.</summary>
    public const string ApprovalDecided = "approval-decided";

    /// <summary>A person ends the training early: <see cref="Events.FinishFact"/>.</summary>
    public const string Finish = "finish";

    /// <summary>A person wanted to end a training that was over: <see cref="Events.FinishFact"/>.</summary>
    public const string FinishLate = "finish-late";

    /// <summary>The work of another run was taken over: <see cref="Resuming.TakenFact"/>.</summary>
    public const string Taken = "taken";

    /// <summary>The work that a resumed run need not do again: <see cref="FoundFact"/>.</summary>
    public const string Found = "found";

    /// <summary>The specification of a group of variants: <see cref="RunSpec"/>.</summary>
    public const string Group = "group";

    /// <summary>The runs of a group: <see cref="Variants.MembersFact"/>.</summary>
    public const string Members = "members";

    /// <summary>The group of a variant: <see cref="VariantGroup"/>.</summary>
    public const string VariantOf = "variant-of";

    /// <summary>A variant of the group begins: <see cref="VariantBegun"/>.</summary>
    public const string VariantBegun = "variant-begun";

    /// <summary>A variant of the group has ended: <see cref="VariantEnd"/>.</summary>
    public const string VariantEnded = "variant-ended";
}

/// <summary>A fact that was just written.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Kind">One of <see cref="LedgerKinds"/>.</param>
/// <param name="Key">Its name within the kind.</param>
/// <param name="Data">The fact.</param>
public sealed record WrittenFact(RunId RunId, string Kind, string Key, object Data);

/// <summary>A moment in a node's life.</summary>
/// <param name="NodeName">Full resource name.</param>
/// <param name="State">The cloud's state, or the reason.</param>
public sealed record NodeMoment(NodeName NodeName, string State);

/// <summary>A request to delete a node, which the cloud accepted.</summary>
/// <param name="NodeName">Full resource name.</param>
/// <param name="State">The cloud's state before.</param>
/// <param name="Operation">Name of the cloud's operation.</param>
public sealed record NodeDeletion(NodeName NodeName, string State, string Operation);

/// <summary>An announcement that was accepted.</summary>
/// <param name="Announcer">Name of the announcer.</param>
public sealed record AnnouncedFact(string Announcer)
{
    /// <summary>Gets the end, if it is published from this fact; null if it was announced before.</summary>
    public RunEnd? End { get; init; }
}

/// <summary>The end of a recovery.</summary>
/// <param name="Number">The loss.</param>
/// <param name="Kind">The kind of the job.</param>
/// <param name="Seconds">Seconds from the detection of the loss until the job continued.</param>
public sealed record RecoveryEnd(int Number, JobKind Kind, double Seconds);

/// <summary>
/// Stores the facts of each run, one JSON line each, durable before the call returns. <b>Invariant:</b> append-only; a
/// key is written once within its kind, so that an activity that runs twice leaves one fact.
/// </summary>
/// <param name="state">The store of the facts.</param>
/// <param name="stateDirectory">The service's folder, where runs have their work files.</param>
/// <param name="clock">Gives the times of facts.</param>
public sealed class RunLedger(IStateStore state, string stateDirectory, TimeProvider clock)
{
    private const string Runs = "runs", LedgerFile = "ledger.jsonl";

    /// <summary>Opens the ledgers of a service that keeps its state in its folder.</summary>
    /// <param name="stateDirectory">The folder.</param>
    /// <param name="clock">Gives the times of facts.</param>
    public RunLedger(string stateDirectory, TimeProvider clock)
        : this(new FolderState(stateDirectory), stateDirectory, clock)
    {
    }

    /// <summary>
    /// Raised for each new fact once it is on disk, on the thread that wrote it: for observers, whose faults are no
    /// fault of the fact.
    /// </summary>
    public event Action<WrittenFact>? Written;

    /// <summary>Gets the JSON options for all files in a run's folder.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>Gets the store of the facts, and of all other state that services share.</summary>
    public IStateStore State => state;

    /// <summary>Returns the name in the store of a file of a run.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="file">The file.</param>
    /// <returns>The name.</returns>
    public static string NameOf(RunId runId, string file) => $"{Runs}/{runId}/{file}";

    /// <summary>Returns the folder of a run's work files on this machine, which may not be there.</summary>
    /// <param name="runId">The run.</param>
    /// <returns>An absolute path.</returns>
    public string PathOf(RunId runId) => Path.Combine(Path.GetFullPath(stateDirectory), Runs, runId.Value);

    /// <summary>Returns the folder of a run's work files on this machine, and creates it if it is missing.</summary>
    /// <param name="runId">The run.</param>
    /// <returns>An absolute path.</returns>
    public string DirectoryOf(RunId runId)
    {
        var path = PathOf(runId);
        Directory.CreateDirectory(path);
        return path;
    }

    /// <summary>Returns whether the ledger has the run.</summary>
    /// <param name="runId">The run.</param>
    /// <returns>true if something was written for it.</returns>
    public bool Knows(RunId runId) => state.HasFacts(NameOf(runId, LedgerFile));

    /// <summary>Lists the runs that have a ledger.</summary>
    /// <returns>Each run with the time of its last fact, in no particular order.</returns>
    public IEnumerable<(RunId RunId, DateTimeOffset WrittenAt)> All()
    {
        foreach (var facts in state.ListFacts(Runs, LedgerFile))
        {
            if (RunId.TryParse(facts.Name.Split('/')[1], out var id))
            {
                yield return (id, facts.WrittenAt);
            }
        }
    }

    /// <summary>Reads the first fact of a kind, without keeping the ledger in memory.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="kind">One of <see cref="LedgerKinds"/>.</param>
    /// <returns>null if there is none, or the ledger cannot be read now.</returns>
    internal LedgerEntry? Find(RunId runId, string kind) => state.FindFact(NameOf(runId, LedgerFile), kind);

    /// <summary>Writes a fact, unless its key exists already.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="kind">One of <see cref="LedgerKinds"/>.</param>
    /// <param name="key">Its name within the kind.</param>
    /// <param name="data">The fact, serialisable.</param>
    /// <returns>true if it was new.</returns>
    public bool Append(RunId runId, string kind, string key, object data)
    {
        var entry = new LedgerEntry(clock.GetUtcNow(), kind, key, JsonSerializer.SerializeToElement(data, Json));
        if (!state.AppendFact(NameOf(runId, LedgerFile), entry))
        {
            return false;
        }

        Written?.Invoke(new WrittenFact(runId, kind, key, data));
        return true;
    }

    /// <summary>Reads the facts in the order they were written.</summary>
    /// <param name="runId">The run.</param>
    /// <returns>A snapshot; empty for an unknown run.</returns>
    public IReadOnlyList<LedgerEntry> Read(RunId runId) => state.ReadFacts(NameOf(runId, LedgerFile));

    /// <summary>Reads the facts of one kind.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="runId">The run.</param>
    /// <param name="kind">One of <see cref="LedgerKinds"/>.</param>
    /// <returns>The facts with the time of each.</returns>
    public IReadOnlyList<(DateTimeOffset At, T Data)> Read<T>(RunId runId, string kind) =>
        [.. Read(runId).Where(entry => entry.Kind == kind)
            .Select(entry => (entry.At, entry.Data.Deserialize<T>(Json)!))];

    /// <summary>Deletes everything that the run has in the store, and its folder. The run must have ended.</summary>
    /// <param name="runId">The run.</param>
    /// <returns>The folder; null if there was none.</returns>
    public string? Purge(RunId runId)
    {
        var path = PathOf(runId);
        var isThere = Directory.Exists(path);

        // The ledger last: until then the run is known, and a purge that was interrupted is repeated.
        if (state.IsShared && isThere)
        {
            Directory.Delete(path, recursive: true);
        }

        state.Purge($"{Runs}/{runId}", LedgerFile);
        return isThere ? path : null;
    }

}
