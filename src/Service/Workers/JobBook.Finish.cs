using Workflows.Activities.Events;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Workers;

/// <summary>The part of the jobs that people end early. The ledger has the step, so each worker is told it, however
/// often nodes are lost and services restart.</summary>
internal sealed partial class JobBook
{
    public void Finish(RunId runId)
    {
        foreach (var (_, job) in ledger.Read<DispatchInput>(runId, LedgerKinds.Job))
        {
            if (_connections.TryGetValue((runId, job.Lease.NodeName), out var connection)
                && FinishOf(runId, job) is { } order)
            {
                connection.Send(order);
            }
        }
    }

    /// <summary>
    /// Gives a job to its worker. A worker that has the job already ignores it, so its early end is sent by itself,
    /// too: the worker may have been away when it was asked for.
    /// </summary>
    private void Give(Connection connection, string id, DispatchInput job)
    {
        connection.Send(Describe(id, job));
        if (FinishOf(job.Spec.RunId, job) is { } order)
        {
            connection.Send(order);
        }
    }

    /// <summary>Builds the message that gives a job to its worker, with its early end.</summary>
    private GatewayMessage Describe(string id, DispatchInput job)
    {
        var runId = job.Spec.RunId;
        var message = JobTexts.Describe(id, ledger.DirectoryOf(runId), job);
        message.Job.Train?.FinishAfterStep = RunEventFacts.FinishOf(ledger, runId)?.Step ?? 0;
        return message;
    }

    /// <summary>Builds the message that ends a job early; null for one that is not to end so.</summary>
    private GatewayMessage? FinishOf(RunId runId, DispatchInput job)
    {
        var id = JobId(job.Kind, runId, job.Lease.NodeName);
        return job.Kind == JobKind.Train && RunEventFacts.FinishOf(ledger, runId) is { } finish
            && EndOf(runId, id) is null
            ? new GatewayMessage { FinishJob = new FinishJob { JobId = id, AfterStep = finish.Step } } : null;
    }
}
