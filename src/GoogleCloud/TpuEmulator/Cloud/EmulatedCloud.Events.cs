using Google.Cloud.Tpu.V2;
using Google.Protobuf.WellKnownTypes;
using Workflows.GoogleCloud.TpuEmulator.Vms;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>Plays the scheduled events. All members need the lock.</summary>
internal sealed partial class EmulatedCloud
{
    /// <summary>Plays all events that are due by now, each at its own time.</summary>
    private void Settle()
    {
        var now = _clock.GetUtcNow();
        var hasChanged = false;
        while (SettleOnce(now))
        {
            hasChanged = true;
        }

        if (hasChanged || _isUnwritten)
        {
            Write();
        }
    }

    private bool SettleOnce(DateTimeOffset now)
    {
        var hasChanged = false;
        foreach (var project in _projects.Values)
        {
            foreach (var record in project.Nodes.Values.ToList())
            {
                while (record.NextDue is { } due && due <= now)
                {
                    hasChanged = true;
                    Happen(project, record, due);
                }
            }

            foreach (var record in project.Queued.Values.ToList())
            {
                hasChanged |= Step(project, record, now);
            }
        }

        return hasChanged;
    }

    private void Happen(ProjectRecord project, NodeRecord record, DateTimeOffset due)
    {
        if (record.GoneAt == due)
        {
            record.GoneAt = null;
            _bill.Stop(record.Node.Name, due);
            project.Nodes.Remove(record.Node.Name);
            Succeed(project, record.DeleteOperation, new Empty());
        }
        else if (record.CreatedAt == due)
        {
            record.CreatedAt = null;
            EndCreation(project, record, due);
        }
        else if (record.OperationEndsAt == due)
        {
            record.OperationEndsAt = null;
            Succeed(project, record.CreateOperation, record.Node);
        }
        else if (record.SwitchAt == due)
        {
            EndSwitch(project, record, due);
        }
        else if (record.NoticeAt == due)
        {
            // A preemption shuts the VM down, so its command gets SIGTERM.
            record.NoticeAt = null;
            record.IsPreemptionTold = true;
            VmHost.ShutDown(record);
        }
        else if (record.MaintainNoticeAt == due)
        {
            // A maintenance is only announced.
            record.MaintainNoticeAt = null;
            record.Node.Health = Node.Types.Health.UnhealthyMaintenance;
        }
        else if (record.MaintainAt == due)
        {
            Maintain(project, record, due);
        }
        else if (record.EndAt == due)
        {
            EndRun(project, record, due);
        }
        else
        {
            Preempt(record, due);
        }
    }

    /// <summary>Ends the time of a flex-start node: the cloud deletes it, and its request is over.</summary>
    private void EndRun(ProjectRecord project, NodeRecord record, DateTimeOffset now)
    {
        BeginDelete(project, record, now);
        if (project.Queued.GetValueOrDefault(record.Node.QueuedResource) is { GoneAt: null } queued)
        {
            queued.Enter(QueuedResourceState.Types.State.Suspending);
        }
    }

    private void EndCreation(ProjectRecord project, NodeRecord record, DateTimeOffset now)
    {
        if (record.CreateError is { } error)
        {
            project.Nodes.Remove(record.Node.Name);
            Fail(project, record.CreateOperation, error);
            return;
        }

        if (record.IsPreemptedWhileCreating)
        {
            Preempt(record, now);
            Fail(project, record.CreateOperation, Refusals.NoUpdateIn("PREEMPTED"));
            return;
        }

        var accelerator = Accelerators.Find(record.Node.AcceleratorType)!;
        if (record.Node.RuntimeVersion != accelerator.Runtime)
        {
            record.Node.HealthDescription =
                $"The image '{record.Node.RuntimeVersion}' finds no TPU on {accelerator.Name}; "
                + $"use '{accelerator.Runtime}'.";
        }

        for (var host = 0; host < accelerator.Hosts; host++)
        {
            record.Node.NetworkEndpoints.Add(new NetworkEndpoint { IpAddress = $"10.0.0.{host + 2}", Port = 8470 });
        }

        BecomeReady(record, now);
        record.EndAt = now + record.MaxRun;
        PlanEvents(project, record, now);
        if (record.IsSpot && _market?.LostAt(record.Zone, now) is { } lostAt && !(record.PreemptAt < lostAt))
        {
            PlanPreemption(record, lostAt, now);
        }

        var rules = project.Scenario.In(record.Zone);
        record.OperationEndsAt = now.AddSeconds(rules.OperationLagSeconds ?? project.Scenario.OperationLagSeconds);
    }

    /// <summary>Returns whether the scenario preempts this spot node; counts it if so.</summary>
    private static bool Takes(ProjectRecord project, NodeRecord record, bool whileCreating)
    {
        var taken = project.Preemptions.GetValueOrDefault(record.Zone);
        if (!record.IsSpot || project.Scenario.In(record.Zone).Preempt is not { } plan || taken >= plan.Nodes
            || plan.WhileCreating != whileCreating)
        {
            return false;
        }

        project.Preemptions[record.Zone] = taken + 1;
        return true;
    }

    private static void PlanEvents(ProjectRecord project, NodeRecord record, DateTimeOffset now)
    {
        var rules = project.Scenario.In(record.Zone);
        if (Takes(project, record, whileCreating: false))
        {
            var plan = rules.Preempt!;
            record.PreemptNotice = TimeSpan.FromSeconds(plan.NoticeSeconds);
            record.PreemptAttribute = plan.GuestAttribute;
            record.PreemptAtLeast = plan.AtLeast;
            if (plan.AfterSeconds is { } seconds)
            {
                PlanPreemption(record, now.AddSeconds(seconds), now);
            }
        }

        var maintained = project.Maintenances.GetValueOrDefault(record.Zone);
        if (rules.Maintenance is { } maintenance && maintained < maintenance.Nodes)
        {
            project.Maintenances[record.Zone] = maintained + 1;
            record.MaintainAt = now.AddSeconds(maintenance.AfterSeconds);
            record.MaintainNoticeAt = NoticeOf(
                record.MaintainAt.Value, TimeSpan.FromSeconds(maintenance.NoticeSeconds), now);
        }
    }

    private static void PlanPreemption(NodeRecord record, DateTimeOffset at, DateTimeOffset now)
    {
        record.PreemptAt = at;
        record.NoticeAt = NoticeOf(at, record.PreemptNotice, now);
    }

    private static DateTimeOffset? NoticeOf(DateTimeOffset at, TimeSpan notice, DateTimeOffset now) =>
        notice <= TimeSpan.Zero ? null : at - notice < now ? now : at - notice;

    /// <summary>Preempts a node: its VM is gone at once; the node stays, with its name taken, until it is
    /// deleted.</summary>
    private void Preempt(NodeRecord record, DateTimeOffset now)
    {
        record.Forget();
        Lose(record, now, Node.Types.State.Preempted);
        record.IsPreemptionTold = true;
    }

    /// <summary>Ends a node's VM for the maintenance of its host. A planned preemption stays: it also takes a node that
    /// is REPAIRING.</summary>
    private void Maintain(ProjectRecord project, NodeRecord record, DateTimeOffset now)
    {
        record.ForgetMaintenance();
        Lose(record, now, Node.Types.State.Repairing);
        record.SwitchOperation = null;
        record.SwitchAt = now.AddSeconds(project.Scenario.In(record.Zone).Maintenance?.ForSeconds ?? 0);
    }

    private void Lose(NodeRecord record, DateTimeOffset now, Node.Types.State state)
    {
        _bill.Stop(record.Node.Name, now);
        _vms.Kill(record);
        record.Node.State = state;
        record.Node.Health = Node.Types.Health.Unspecified;
    }

    private void BecomeReady(NodeRecord record, DateTimeOffset now)
    {
        record.Node.State = Node.Types.State.Ready;
        // protoc removes the prefix HEALTH from HEALTHY.
        record.Node.Health = Node.Types.Health.Y;
        _bill.Start(record.Node, now);
        _vms.Boot(record);
    }

    private void EndSwitch(ProjectRecord project, NodeRecord record, DateTimeOffset now)
    {
        record.SwitchAt = null;
        if (record.Node.State == Node.Types.State.Stopping)
        {
            record.Node.State = Node.Types.State.Stopped;
        }
        else
        {
            BecomeReady(record, now);
        }

        Succeed(project, record.SwitchOperation, record.Node);
        record.SwitchOperation = null;
    }
}
