using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Deadlines;

/// <summary>A run of 100 steps, a checkpoint after each ten, that goes over from spot to on-demand nodes.</summary>
internal static class DeadlineRun
{
    public static RunSpec Spec { get; } = new()
    {
        RunId = new RunId("run"),
        Name = "run",
        Project = "team",
        Direction = RunDirection.KoToEn,
        Model = "/m",
        Data = new DataSpec { Train = "/t" },
        Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"], Fallback = SpotFallback.OnDemand },
        Training = new TrainingSpec { Steps = 100, CheckpointEverySteps = 10 },
    };
}
