using System.Net.Mime;
using System.Text.Json;
using CloudNative.CloudEvents;
using CloudNative.CloudEvents.SystemTextJson;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Messages;

/// <summary>Makes the CloudEvents (1.0) that tell others about runs.</summary>
/// <remarks>Source and id together name an event: one that arrives twice has the same ones.</remarks>
internal static class RunEvent
{
    /// <summary>The beginning of every type.</summary>
    public const string Prefix = "workflows.run.";

    /// <summary>Facts of the ledger that are events; the announcement is the end, for one topic.</summary>
    private static readonly HashSet<string> Kinds = new(StringComparer.Ordinal)
    {
        LedgerKinds.Stage, LedgerKinds.Suspended, LedgerKinds.Unsuspended, LedgerKinds.Resumed, LedgerKinds.Loss,
        LedgerKinds.Recovered, LedgerKinds.Switched, LedgerKinds.DeadlineMissed, LedgerKinds.ApprovalAsked,
        LedgerKinds.ApprovalDecided, LedgerKinds.Finish, LedgerKinds.Announced,
    };

    /// <summary>Gets the form of an event's data: as in all files of a run.</summary>
    public static JsonEventFormatter Formatter { get; } = new(RunLedger.Json, default);

    /// <summary>Makes the event of a run's end.</summary>
    /// <param name="end">The end.</param>
    /// <param name="secrets">Names the service.</param>
    /// <param name="at">The time.</param>
    public static CloudEvent Of(RunEnd end, NodeSecrets secrets, DateTimeOffset at) => Make(
        end.Part is { } part ? $"{end.RunId}#{part}" : end.RunId.Value, WireName.Of(end.Outcome.Status), end.RunId,
        secrets, at, end);

    /// <summary>Returns whether facts of a kind are events.</summary>
    /// <param name="kind">One of <see cref="LedgerKinds"/>.</param>
    public static bool IsOne(string kind) => Kinds.Contains(kind);

    /// <summary>Makes the event of a fact; the same one each time.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="fact">The fact.</param>
    /// <param name="secrets">Names the service.</param>
    /// <param name="topic">Name of the topic.</param>
    /// <returns>null for a fact that is no event of the topic.</returns>
    public static CloudEvent? Of(RunId runId, LedgerEntry fact, NodeSecrets secrets, string topic)
    {
        if (fact.Kind == LedgerKinds.Announced)
        {
            // One of another topic, or of an earlier version, was announced without this publisher.
            return fact.Data.Deserialize<AnnouncedFact>(RunLedger.Json) is { End: { } end } announced
                && announced.Announcer == topic ? Of(end, secrets, fact.At) : null;
        }

        return !IsOne(fact.Kind) ? null : Make(
            $"{runId}/{fact.Kind}/{fact.Key}", fact.Kind, runId, secrets, fact.At,
            new RunEventData(runId, fact.Kind, fact.At, fact.Data));
    }

    private static CloudEvent Make(
        string id, string kind, RunId runId, NodeSecrets secrets, DateTimeOffset at, object data) => new()
        {
            Id = id,
            Type = Prefix + kind,
            Source = new Uri($"urn:workflows:{secrets.ServiceId}"),
            Subject = $"runs/{runId}",
            Time = at,
            DataContentType = MediaTypeNames.Application.Json,
            Data = data,
        };
}

/// <summary>The data of an event that is not a run's end.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Kind">The kind of the fact.</param>
/// <param name="At">Its time.</param>
/// <param name="Fact">The fact, as <c>GET /runs/{id}/events</c> shows it.</param>
internal sealed record RunEventData(RunId RunId, string Kind, DateTimeOffset At, object Fact);
