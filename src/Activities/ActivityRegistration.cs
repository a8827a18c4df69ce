using Microsoft.DurableTask;
using Workflows.Activities.Capacity;
using Workflows.Activities.Data;
using Workflows.Activities.Deadlines;
using Workflows.Activities.Evaluation;
using Workflows.Activities.Events;
using Workflows.Activities.Handover;
using Workflows.Activities.Moves;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Activities.Resuming;
using Workflows.Activities.Sweeping;
using Workflows.Activities.Teardown;
using Workflows.Activities.Training;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;

namespace Workflows.Activities;

/// <summary>Registers the activities under the names that the orchestrations call.</summary>
public static class ActivityRegistration
{
    /// <summary>Adds the activities that read users' files; they run on threads of their own.</summary>
    /// <param name="registry">The worker's registry.</param>
    /// <returns>The same registry.</returns>
    public static DurableTaskRegistry AddInputActivities(this DurableTaskRegistry registry)
    {
        registry.AddActivity<ResumeActivity>(Stages.Resume);
        registry.AddActivity<TakeOverActivity>(Stages.TakeOver);
        registry.AddActivity<PlanActivity>(Stages.Plan);
        registry.AddActivity<PrepareDataActivity>(Stages.PrepareData);
        registry.AddActivity<ScoreActivity>(Stages.Score);
        registry.AddActivity<OpenVariantsActivity>(Stages.OpenVariants);
        registry.AddActivity<PlanVariantsActivity>(Stages.PlanVariants);
        return registry;
    }

    /// <summary>
    /// Adds the activities that observe, cancel, release and report. No file of a user can block them.
    /// </summary>
    /// <param name="registry">The worker's registry.</param>
    /// <returns>The same registry.</returns>
    public static DurableTaskRegistry AddRunActivities(this DurableTaskRegistry registry)
    {
        registry.AddActivity<CreateNodeActivity>(Stages.CreateNode);
        registry.AddActivity<ObserveNodeActivity>(Stages.ObserveNode);
        registry.AddActivity<EndAttemptActivity>(Stages.EndAttempt);
        registry.AddActivity<DispatchJobActivity>(Stages.DispatchJob);
        registry.AddActivity<ObserveJobActivity>(Stages.ObserveJob);
        registry.AddActivity<StopJobActivity>(Stages.StopJob);
        registry.AddActivity<ReleaseNodeActivity>(Stages.ReleaseNode);
        registry.AddActivity<ReleaseAllActivity>(Stages.ReleaseAll);
        registry.AddActivity<RecordLossActivity>(Stages.RecordLoss);
        registry.AddActivity<OutlookActivity>(Stages.Outlook);
        registry.AddActivity<RecordSwitchActivity>(Stages.RecordSwitch);
        registry.AddActivity<RecordMoveActivity>(Stages.RecordMove);
        registry.AddActivity<ReportActivity>(Stages.Report);
        registry.AddActivity<EnterStageActivity>(Stages.EnterStage);
        registry.AddActivity<RecordSuspensionActivity>(Stages.RecordSuspension);
        registry.AddActivity<AskApprovalActivity>(Stages.AskApproval);
        registry.AddActivity<DecideApprovalActivity>(Stages.DecideApproval);
        registry.AddActivity<FinishTrainingActivity>(Stages.FinishTraining);
        registry.AddActivity<AnnounceActivity>(Stages.Announce);
        registry.AddActivity<SweepActivity>(Stages.Sweep);
        registry.AddActivity<BeginVariantActivity>(Stages.BeginVariant);
        registry.AddActivity<EndVariantActivity>(Stages.EndVariant);
        registry.AddActivity<CompareVariantsActivity>(Stages.CompareVariants);
        registry.AddActivity<OfferNodeActivity>(Stages.OfferNode);
        registry.AddActivity<HandNodeActivity>(Stages.HandNode);
        registry.AddActivity<AcceptNodeActivity>(Stages.AcceptNode);
        return registry;
    }
}
