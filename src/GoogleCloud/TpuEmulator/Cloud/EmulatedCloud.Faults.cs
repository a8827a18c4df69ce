using Google.Cloud.Tpu.V2;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>What callers outside the API decide.</summary>
internal sealed partial class EmulatedCloud
{
    /// <summary>Sets a project's scenario, in place of the one that it has. Events that are planned stay, and counts,
    /// such as of preempted nodes, go on.</summary>
    /// <exception cref="ScenarioException">The scenario is wrong; nothing is changed.</exception>
    public void Replace(string project, string scenarioJson)
    {
        var scenario = Scenario.Parse(scenarioJson);
        lock (_lock)
        {
            Settle();
            if (_projects.TryGetValue(project, out var record))
            {
                (record.ScenarioJson, record.Scenario) = (scenarioJson, scenario);
            }
            else
            {
                _projects.Add(project, new ProjectRecord { ScenarioJson = scenarioJson, Scenario = scenario });
            }

            Changed();
        }
    }

    /// <summary>Plays a fault of a node now.</summary>
    /// <exception cref="CloudException">There is no such node, or this cannot happen to it.</exception>
    public void Play(string name, NodeFault fault)
    {
        lock (_lock)
        {
            Settle();
            var record = Record(name);
            if (record.Node.State != Node.Types.State.Ready)
            {
                throw new CloudException(Refusals.Precondition(
                    $"'{name}' is {record.Node.State}: only READY nodes have faults."));
            }

            var owner = Project(record.Project);
            var now = _clock.GetUtcNow();
            switch (fault)
            {
                case NodeFault.Preempt when !record.IsSpot:
                    throw new CloudException(Refusals.Precondition(
                        $"'{name}' is not a spot node: it is never preempted."));
                case NodeFault.Preempt:
                    record.PreemptAttribute = null;
                    record.PreemptNotice = TimeSpan.FromSeconds(
                        owner.Scenario.In(record.Zone).Preempt?.NoticeSeconds ?? 0);
                    PlanPreemption(record, now + record.PreemptNotice, now);
                    Settle();
                    break;
                case NodeFault.Kill:
                    _vms.Kill(record, keepDisk: true);
                    break;
                case NodeFault.Reboot:
                    _vms.Kill(record, keepDisk: true);
                    _vms.Boot(record);
                    break;
                case NodeFault.End when record.MaxRun is null:
                    throw new CloudException(Refusals.Precondition(
                        $"'{name}' is not a flex-start node: it has no maximum run duration."));
                case NodeFault.End:
                    record.EndAt = now;
                    Settle();
                    break;
                case NodeFault.Maintain:
                    Maintain(owner, record, now);
                    break;
            }

            Changed();
        }
    }
}
