using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Orchestrations;

namespace Workflows.Activities.Deadlines;

/// <summary>
/// Foresees the work that is left of a run and the time of a restart: from what the run has measured, else from what
/// other runs have, else from its plan.
/// </summary>
/// <param name="ledger">The facts.</param>
/// <param name="memory">Waits of other runs; null for none.</param>
/// <param name="clock">Gives the time.</param>
public sealed class WorkForesight(RunLedger ledger, CapacityMemory? memory, TimeProvider clock)
{
    /// <summary>Share of a translation from which its rate is taken; chosen.</summary>
    private const double LeastShare = 0.1;

    /// <summary>Share of the training by which its estimate may be wrong at a measured rate; chosen.</summary>
    private const double Measurement = 0.01;

    /// <summary>Share of a translation, whose rate is not measured before it begins; chosen.</summary>
    private const double Unmeasured = 0.05;

    /// <summary>Foresees a run.</summary>
    /// <param name="kind">The job that works, or is to be done next.</param>
    /// <param name="spec">The run.</param>
    /// <param name="job">The state of the job; null if none works.</param>
    /// <returns>The work; null before the run has a plan.</returns>
    public WorkOutlook? Of(JobKind kind, RunSpec spec, JobStanding? job = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var plan = PlanOf(spec);
        if (plan?.Time is not { } time)
        {
            return null;
        }

        var curve = MetricsFile.Read(ledger, spec.RunId);
        var planned = PlannedStep(spec, time);
        var tpus = ByTpu(spec.RunId, curve);
        var measured = MeasuredStep(tpus);
        var step = measured ?? planned;

        // An evaluation that was not measured is at least as late as the training.
        var evaluate = (kind == JobKind.Translate ? Measured(spec, job) : null)
            ?? time.Evaluate * Math.Max(1, planned > 0 ? step / planned : 1);
        var dispatched = DispatchedEvery(spec);
        var every = (job is null ? CheckpointCadence.StepsOf(spec, time, step) : dispatched)
            + Math.Max(0, Lag(tpus) - dispatched);
        var left = kind == JobKind.Train ? Math.Max(0, spec.Training.Steps - CheckpointOf(spec, curve, job)) : 0;
        var (wait, waitBasis) = OnDemandWait(spec, plan);
        return new WorkOutlook(
            (left * step) + evaluate,
            kind == JobKind.Train
                ? Math.Max(Math.Min(left, every) * step, evaluate) : evaluate,
            StartOf(spec.RunId, curve) ?? time.Rest, wait,
            (measured is null ? "The rate is the plan's" : "The rate is measured") + $", and the wait {waitBasis}.")
        {
            Uncertainty = measured is not null || time.Source == EstimateSource.Measured
                ? ((left * step * DoubtOf(tpus)) + (evaluate * Unmeasured)) / Math.Max(1, (left * step) + evaluate)
                : null,
        };
    }

    /// <summary>Returns the steps between two checkpoints of the training that is dispatched next.</summary>
    /// <param name="spec">The run.</param>
    /// <returns>null for as many as the request says.</returns>
    public int? CheckpointEvery(RunSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (PlanOf(spec)?.Time is not { CheckpointSeconds: not null } time)
        {
            return null;
        }

        var measured = MeasuredStep(ByTpu(spec.RunId, MetricsFile.Read(ledger, spec.RunId)));
        var steps = CheckpointCadence.StepsOf(spec, time, measured ?? PlannedStep(spec, time));
        return steps < spec.Training.CheckpointEverySteps ? steps : null;
    }

    private RunPlan? PlanOf(RunSpec spec) =>
        ledger.Read<RunPlan>(spec.RunId, LedgerKinds.Plan).Select(fact => fact.Data).LastOrDefault();

    private static double? MeasuredStep(IEnumerable<IReadOnlyList<MetricPoint>> tpus) =>
        tpus.Select(StepRate.SecondsPerStep).FirstOrDefault(rate => rate is not null);

    private static double PlannedStep(RunSpec spec, TimeEstimate time) => time.Train / Math.Max(1, spec.Training.Steps);

    /// <summary>Returns the steps between two checkpoints of the training that works.</summary>
    private int DispatchedEvery(RunSpec spec) => Math.Max(
        1, ledger.Read<DispatchInput>(spec.RunId, LedgerKinds.Job)
            .LastOrDefault(fact => fact.Data.Kind == JobKind.Train).Data?.CheckpointEverySteps
            ?? spec.Training.CheckpointEverySteps);

    /// <summary>Returns the most steps of the newest TPU that were in no checkpoint: one counts once another VM can
    /// read it, and a slow upload is late.</summary>
    private static int Lag(IEnumerable<IReadOnlyList<MetricPoint>> tpus) =>
        (tpus.FirstOrDefault() ?? []).Select(point => point.Step - point.CheckpointStep).DefaultIfEmpty(0).Max();

    /// <summary>Returns the points of each TPU, those of the newest first.</summary>
    private IReadOnlyList<IReadOnlyList<MetricPoint>> ByTpu(RunId runId, IReadOnlyList<MetricPoint> curve)
    {
        var breaks = ledger.Read(runId).Where(entry => entry.Kind is LedgerKinds.Job or LedgerKinds.Resumed)
            .Select(entry => entry.At).ToList();
        return [.. curve.GroupBy(point => breaks.Count(at => at <= point.At)).OrderByDescending(group => group.Key)
            .Select(group => group.ToList())];
    }

    /// <summary>Returns the share by which the training may be slower than measured. A new TPU, which has shown little
    /// yet, is as the one before: a margin that grows with every loss would end the next node, too.</summary>
    private static double DoubtOf(IEnumerable<IReadOnlyList<MetricPoint>> tpus) => Math.Min(
        Unmeasured, tpus.Select(StepRate.Doubt).FirstOrDefault(doubt => doubt is not null) ?? Measurement);

    /// <summary>Returns the newest checkpoint, by the worker, by the curve or by the search of a resumption.</summary>
    private int CheckpointOf(RunSpec spec, IReadOnlyList<MetricPoint> curve, JobStanding? job)
    {
        var found = ledger.Read(spec.RunId).LastOrDefault(entry => entry.Kind == LedgerKinds.Found)?.Data
            .Deserialize<FoundFact>(RunLedger.Json);
        return found is { IsTrained: true } ? spec.Training.Steps : Math.Max(
            Math.Max(job?.CheckpointStep ?? 0, found?.CheckpointStep ?? 0),
            curve.Count > 0 ? curve.Max(point => point.CheckpointStep) : 0);
    }

    /// <summary>Returns the seconds of a whole translation by the part that is done; null before there is
    /// enough.</summary>
    private double? Measured(RunSpec spec, JobStanding? job)
    {
        var begun = ledger.Read<DispatchInput>(spec.RunId, LedgerKinds.Job)
            .LastOrDefault(fact => fact.Data.Kind == JobKind.Translate);
        return job is { Steps: > 0 } && begun.Data is not null && job.Step >= LeastShare * job.Steps
            ? (clock.GetUtcNow() - begun.At).TotalSeconds * job.Steps / job.Step : null;
    }

    /// <summary>Returns the longest time from a training's dispatch to its first point; null before there is
    /// one.</summary>
    private double? StartOf(RunId runId, IReadOnlyList<MetricPoint> curve)
    {
        var jobs = ledger.Read<DispatchInput>(runId, LedgerKinds.Job)
            .Where(fact => fact.Data.Kind == JobKind.Train).Select(fact => fact.At).ToList();
        return jobs.Select((at, index) => curve
                .Where(point => point.At >= at && (index + 1 == jobs.Count || point.At < jobs[index + 1]))
                .Select(point => (double?)(point.At - at).TotalSeconds).Min())
            .Max();
    }

    /// <summary>Returns the longest known wait for an on-demand node of the plan's types, or the time that a node is
    /// given.</summary>
    private (double Seconds, string Basis) OnDemandWait(RunSpec spec, RunPlan plan)
    {
        var own = ledger.Read<AttemptEnd>(spec.RunId, LedgerKinds.Attempt).Select(fact => fact.Data)
            .Where(end => end.Outcome == AttemptOutcome.Ready
                && end.Lease.Candidate.Provisioning == ProvisioningMode.OnDemand)
            .Select(end => (double?)end.Seconds).Max();
        var others = (plan.OnDemand ?? []).Select(place => memory?.LongestWait(spec.Project, place)).Max();
        return (own, others) switch
        {
            (null, null) => (spec.Pace.BootSeconds, string.Create(
                CultureInfo.InvariantCulture, $"the {spec.Pace.BootSeconds:0} s that a node is given")),
            _ when !(own < others) && own is not null => (own.Value, "measured"),
            _ => (others!.Value, "remembered from other runs"),
        };
    }
}
