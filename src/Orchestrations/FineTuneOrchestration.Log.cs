using Microsoft.Extensions.Logging;

namespace Workflows.Orchestrations;

/// <summary>Log messages of the run's orchestrations, silent during replay.</summary>
internal static partial class FineTuneOrchestrationLog
{
    [LoggerMessage(4300, LogLevel.Warning, "The end of run {RunId} could not be announced: {Reason}")]
    public static partial void NotAnnounced(this ILogger logger, RunId runId, string reason);

    [LoggerMessage(4301, LogLevel.Warning, "Run {RunId} goes on without its step {Step}: {Reason}")]
    public static partial void StepFailed(this ILogger logger, string runId, string step, string reason);

    [LoggerMessage(4302, LogLevel.Error,
        "Nodes of run {RunId} cannot be given back and may cost money; next try in {Minutes} minutes: {Reason}")]
    public static partial void NotGivenBack(this ILogger logger, RunId runId, double minutes, string reason);

    [LoggerMessage(4303, LogLevel.Warning,
        "The sweep over the cloud broke; next try in {Minutes} minutes: {Reason}")]
    public static partial void NotSwept(this ILogger logger, double minutes, string reason);
}
