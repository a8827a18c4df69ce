using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Protocol;

namespace Workflows.Service.Workers;

/// <summary>The part of the jobs that other services dispatch, stop and revoke.</summary>
internal sealed partial class JobBook
{
    /// <summary>Time between two looks at what other services want of a worker: commands come a few times in a
    /// run.</summary>
    private static readonly TimeSpan FollowEvery = TimeSpan.FromSeconds(1);

    /// <summary>Obeys other services for a worker whose stream is open here; returns at once if there are
    /// none.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">The node.</param>
    /// <param name="connection">The stream.</param>
    /// <param name="cancellation">Cancelled at the end of the stream.</param>
    public async Task FollowAsync(
        RunId runId, NodeName nodeName, Connection connection, CancellationToken cancellation)
    {
        var sent = new HashSet<string>(StringComparer.Ordinal);
        var stopped = new HashSet<string>(StringComparer.Ordinal);
        while (_shared is not null && !cancellation.IsCancellationRequested)
        {
            try
            {
                if (IsRevoked(runId, nodeName) || OwnerOf(runId, nodeName) != runId
                    || _shared.HasMoved(runId, nodeName))
                {
                    connection.Close();
                    return;
                }

                Obey(_shared, runId, nodeName, connection, sent, stopped);
            }
            catch (IOException)
            {
                // The store is away; the next look finds the commands.
            }

            await Task.Delay(FollowEvery, clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Sends jobs and commands; a worker that has a job already ignores it.</summary>
    private void Obey(
        SharedJobs shared, RunId runId, NodeName nodeName, Connection connection, HashSet<string> sent,
        HashSet<string> stopped)
    {
        foreach (var (_, job) in ledger.Read<DispatchInput>(runId, LedgerKinds.Job)
            .Where(fact => fact.Data.Lease.NodeName == nodeName))
        {
            var id = JobId(job.Kind, runId, nodeName);
            if (EndOf(runId, id) is not null)
            {
                continue;
            }

            if (sent.Add(id) && !(_devices.TryGetValue((runId, nodeName), out var device)
                && EndsOnWrongDevice(id, job, device)))
            {
                connection.Send(Describe(id, job));
            }

            if (FinishOf(runId, job) is { } order && sent.Add($"finish:{id}"))
            {
                connection.Send(order);
            }

            if (!stopped.Contains(id) && shared.IsStopped(runId, id))
            {
                stopped.Add(id);
                Stop(job.Kind, runId, nodeName);
            }
        }
    }

    /// <summary>Tells other services of a worker, unless the store is away: then they count it as silent, which its
    /// next message mends.</summary>
    private void Tell(Action<SharedJobs> tell)
    {
        try
        {
            if (_shared is not null)
            {
                tell(_shared);
            }
        }
        catch (IOException)
        {
            // The stream goes on, and so does the job.
        }
    }

    /// <summary>Returns the last progress of a job: this service's own while it has the worker's stream.</summary>
    private Progress? ProgressOf(RunId runId, NodeName nodeName, string jobId)
    {
        var own = _progress.GetValueOrDefault((runId, jobId));
        return _shared is null || (own is not null && _connections.ContainsKey((runId, nodeName)))
            ? own : _shared.ProgressFor(runId, jobId) ?? own;
    }
}
