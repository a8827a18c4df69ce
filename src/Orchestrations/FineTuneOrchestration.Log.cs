using Microsoft.Extensions.Logging;

namespace Workflows.Orchestrations;

/// <summary>Log messages of the run's orchestration, silent during replay.</summary>
internal static partial class FineTuneOrchestrationLog
{
    [LoggerMessage(4300, LogLevel.Warning, "The end of run {RunId} could not be announced: {Reason}")]
    public static partial void NotAnnounced(this ILogger logger, RunId runId, string reason);
}
