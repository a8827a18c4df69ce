using Workflows.Orchestrations;

namespace Workflows.Activities.Training;

/// <summary>
/// Jobs of the workers on TPU VMs. Every job is on disk; a worker receives its jobs when it connects, and again after
/// every reconnect, until it has reported their end. Thread-safe.
/// </summary>
public interface ITpuJobs
{
    /// <summary>Returns whether the worker of a node is connected now.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">Full resource name.</param>
    /// <returns>true while its stream is open.</returns>
    public bool IsConnected(RunId runId, NodeName nodeName);

    /// <summary>Gives a job to a node; does nothing if that node has it already.</summary>
    /// <param name="input">The job.</param>
    public void Dispatch(DispatchInput input);

    /// <summary>Returns the state of a node's job.</summary>
    /// <param name="kind">The job.</param>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">The node.</param>
    /// <returns>The state.</returns>
    public JobStanding Look(JobKind kind, RunId runId, NodeName nodeName);

    /// <summary>Sends the worker the command to stop, if it is connected.</summary>
    /// <param name="kind">The job.</param>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">The node.</param>
    public void Stop(JobKind kind, RunId runId, NodeName nodeName);

    /// <summary>Tells the worker that trains for a run, if it is connected, to end the training early. The ledger has
    /// the step, and every job that is given to a worker later has it, too.</summary>
    /// <param name="runId">The run.</param>
    public void Finish(RunId runId);

    /// <summary>Closes the connection of a node that another run owns now, as which its worker connects
    /// again.</summary>
    /// <param name="runId">The run that gave it.</param>
    /// <param name="nodeName">The node.</param>
    public void Hand(RunId runId, NodeName nodeName);

    /// <summary>Closes the connection of a node and voids its secret permanently.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">The node.</param>
    public void Revoke(RunId runId, NodeName nodeName);
}
