using Workflows.Orchestrations;

namespace Workflows.Activities.Training;

/// <summary>
/// The jobs of the workers on TPU VMs. What is to be done is on disk; a worker that connects is told, and told again
/// after every break, until it has reported the end. Thread-safe.
/// </summary>
public interface ITpuJobs
{
    /// <summary>Whether the worker of a node is connected now.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">Full resource name.</param>
    /// <returns>true while its stream is open.</returns>
    public bool IsConnected(string runId, string nodeName);

    /// <summary>Gives a job to a node; does nothing when that node has it already.</summary>
    /// <param name="input">The job.</param>
    public void Dispatch(DispatchInput input);

    /// <summary>How the job of a node stands.</summary>
    /// <param name="kind">The job.</param>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">The node.</param>
    /// <returns>The standing.</returns>
    public JobStanding Look(JobKind kind, string runId, string nodeName);

    /// <summary>Tells the worker to stop, when it is connected.</summary>
    /// <param name="kind">The job.</param>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">The node.</param>
    public void Stop(JobKind kind, string runId, string nodeName);

    /// <summary>Shuts a node out: its secret is void from now on.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="nodeName">The node.</param>
    public void Revoke(string runId, string nodeName);
}

/// <summary>How a job stands, as its worker says.</summary>
/// <param name="SilentFor">Since the worker's last word; since the dispatch when it has not said any.</param>
/// <param name="Step">The last step reported; 0: none.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="CheckpointStep">The newest whole checkpoint.</param>
/// <param name="Loss">Training loss of the last step.</param>
/// <param name="End">Set when it has ended.</param>
public sealed record JobStanding(
    TimeSpan SilentFor, int Step, int Steps, int CheckpointStep, double? Loss, JobEnd? End);
