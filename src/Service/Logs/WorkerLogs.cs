using Workflows.Activities.Handover;
using Workflows.Activities.Provisioning;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Logs;

/// <summary>Takes the log lines of workers, which may be of any content, into the logs of their runs.</summary>
internal sealed class WorkerLogs(IRunLogs logs, NodeSecrets secrets, TimeProvider clock)
{
    private const int MostLines = 1000, MostBoot = 64;

    /// <summary>Keeps the lines of a message.</summary>
    /// <param name="runId">The worker's run.</param>
    /// <param name="nodeName">The worker's node.</param>
    /// <param name="message">The message.</param>
    /// <returns>The acknowledgement; null if the lines are not on disk, or none could be taken.</returns>
    public LogAck? Take(RunId runId, NodeName nodeName, LogLines message)
    {
        if (message.Boot.Length is 0 or > MostBoot)
        {
            return null;
        }

        // The worker has its node's secret, and a library of it might print what it knows.
        var secret = secrets.For(Handovers.CreatorOf(nodeName) ?? runId, nodeName);
        var lines = message.Lines.Take(MostLines).Where(line => line.Number > 0).Select(line =>
        {
            return new LogLine(
                0, TimeOf(line.UnixMilliseconds), LogSource.Worker, LogSeverity.Information, nodeName.NodeId, null,
                null, null, SecretText.Line(line.Text, secret), message.Boot, line.Number);
        }).ToList();
        return logs.Append(runId, nodeName.NodeId, message.Boot, lines) is { } kept
            ? new LogAck { Boot = message.Boot, Number = kept.Number, Again = kept.Again } : null;
    }

    private DateTimeOffset TimeOf(long milliseconds) =>
        milliseconds > 0 && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : clock.GetUtcNow();
}
