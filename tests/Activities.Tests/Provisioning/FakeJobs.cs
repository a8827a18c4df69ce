using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Provisioning;

/// <summary>Workers that stand as a test says, and a list of all that was asked of them.</summary>
internal sealed class FakeJobs : ITpuJobs
{
    public HashSet<NodeName> Connected { get; } = [];

    public List<string> Calls { get; } = [];

    public JobStanding Standing { get; set; } = new(TimeSpan.Zero, 0, 0, 0, null, null);

    /// <summary>Gets or sets what happens when somebody looks: the order of looks is behaviour.</summary>
    public Action OnLook { get; set; } = () => { };

    public bool IsConnected(RunId runId, NodeName nodeName) => Connected.Contains(nodeName);

    public DispatchInput? Dispatched { get; private set; }

    public void Dispatch(DispatchInput input)
    {
        Dispatched = input;
        Calls.Add($"dispatch {input.Kind} {input.Lease.NodeName.NodeId}");
    }

    public JobStanding Look(JobKind kind, RunId runId, NodeName nodeName)
    {
        OnLook();
        return Standing;
    }

    public void Stop(JobKind kind, RunId runId, NodeName nodeName) => Calls.Add($"stop {kind} {nodeName.NodeId}");

    public void Finish(RunId runId) => Calls.Add($"finish {runId}");

    public void Hand(RunId runId, NodeName nodeName) => Calls.Add($"hand {nodeName.NodeId}");

    public void Revoke(RunId runId, NodeName nodeName) => Calls.Add($"revoke {nodeName.NodeId}");
}
