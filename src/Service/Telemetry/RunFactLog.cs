using System.Globalization;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;
using Workflows.Service.Logs;
using Workflows.Service.Runs;

namespace Workflows.Service.Telemetry;

/// <summary>Logs each new fact of a run, with run, node and number of the attempt as named values.</summary>
internal static partial class RunFactLog
{
    private const int MostText = 500;

    /// <summary>Writes the line of a fact.</summary>
    /// <param name="logger">The log.</param>
    /// <param name="fact">The fact.</param>
    public static void Write(ILogger logger, WrittenFact fact)
    {
        var (node, attempt) = NodeOf(fact.Data);
        var said = SecretText.Without(SafeText.Of(TextOf(fact), MostText));
        var text = said.Length == 0 || said == fact.Kind ? "" : $": {said}";
        if (attempt is { } number)
        {
            Log.OfAttempt(logger, fact.RunId, number, node.NodeId, fact.Kind, text);
        }
        else if (node != NodeName.None)
        {
            Log.OfNode(logger, fact.RunId, node.NodeId, fact.Kind, text);
        }
        else
        {
            Log.OfRun(logger, fact.RunId, fact.Kind, text);
        }
    }

    private static (NodeName Node, int? Attempt) NodeOf(object data) => data switch
    {
        TpuLease lease => (lease.NodeName, lease.Attempt),
        AttemptEnd end => (end.Lease.NodeName, end.Lease.Attempt),
        DispatchInput job => (job.Lease.NodeName, job.Lease.Attempt),
        NodeMoment moment => (moment.NodeName, null),
        NodeDeletion deletion => (deletion.NodeName, null),
        _ => (NodeName.None, null),
    };

    private static string TextOf(WrittenFact fact) => fact.Data switch
    {
        AttemptEnd { Refusal: { } refusal } end => $"{WireName.Of(end.Outcome)}: {refusal.Code}: {refusal.Reason}",
        AttemptEnd end => WireName.Of(end.Outcome),
        TpuLease lease => $"{lease.Candidate.AcceleratorType} in {lease.Candidate.Zone}",
        NodeMoment moment => moment.State,
        NodeDeletion deletion => deletion.State,
        OpenRecovery loss => string.Create(
            CultureInfo.InvariantCulture, $"{loss.Cause} in {loss.Zone}, {loss.LostSteps} steps lost"),
        EndFact { End.Succeeded: false } job => $"{fact.Key}: {job.End.Code}: {job.End.Message}",
        RunOutcome { Failure: { } failure } outcome =>
            $"{WireName.Of(outcome.Status)}: {failure.Code}: {failure.Message}",
        RunOutcome outcome => WireName.Of(outcome.Status),
        _ => fact.Key,
    };

    private static partial class Log
    {
        [LoggerMessage(4501, LogLevel.Information, "Run {RunId}: {Kind}{Text}")]
        public static partial void OfRun(ILogger logger, RunId runId, string kind, string text);

        [LoggerMessage(4502, LogLevel.Information, "Run {RunId}, {Node}: {Kind}{Text}")]
        public static partial void OfNode(ILogger logger, RunId runId, string node, string kind, string text);

        [LoggerMessage(4503, LogLevel.Information, "Run {RunId}, attempt {Attempt}, {Node}: {Kind}{Text}")]
        public static partial void OfAttempt(
            ILogger logger, RunId runId, int attempt, string node, string kind, string text);
    }
}
