using Workflows.Activities.Reporting;
using Workflows.Service.Logs;
using Workflows.Service.Workers;

namespace Workflows.Service.Telemetry;

/// <summary>
/// Passes new facts to metrics, traces and the log. A fault in them is logged once, and never reaches the activity that
/// wrote the fact.
/// </summary>
internal sealed partial class RunObserver(
    RunLedger ledger, JobBook jobs, RunInstruments instruments, RunTraces traces, IRunLogs logs,
    ILogger<RunObserver> logger)
    : IHostedService
{
    private int _isTold;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        ledger.Written += Observe;
        jobs.Trained += instruments.Trained;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        ledger.Written -= Observe;
        jobs.Trained -= instruments.Trained;
        return Task.CompletedTask;
    }

    private void Observe(WrittenFact fact)
    {
        try
        {
            instruments.Count(fact);
            traces.Trace(fact);
            logs.Begin(fact.RunId);
            RunFactLog.Write(logger, fact);
        }
        catch (Exception exception)
        {
            if (Interlocked.Exchange(ref _isTold, 1) == 0)
            {
                Log.NotObserved(logger, fact.Kind, fact.RunId.Value, exception);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4500, LogLevel.Error,
            "A fact '{Kind}' of {RunId} is missing in metrics, traces or the log; later ones may be as well.")]
        public static partial void NotObserved(ILogger logger, string kind, string runId, Exception exception);
    }
}
