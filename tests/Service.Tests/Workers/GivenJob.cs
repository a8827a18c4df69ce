using Workflows.Orchestrations;

namespace Workflows.Service.Tests.Workers;

/// <summary>A job that the service has given to a node.</summary>
internal static class GivenJob
{
    public static DispatchInput Training(RunId run, NodeName node) => Of(JobKind.Train, run, node);

    public static DispatchInput Of(JobKind kind, RunId run, NodeName node) => new(
        kind,
        new RunSpec
        {
            RunId = run,
            Name = "n",
            Project = "p",
            Direction = RunDirection.EnToKo,
            Model = "/m",
            Data = new DataSpec { Train = "t" },
            Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"] },
        },
        new PreparedData("t", "e", 1, 1, new Dictionary<string, int>()),
        new TpuLease(node, new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 1), 1),
        $"{run}:{(kind == JobKind.Train ? "train" : "evaluate")}", null);
}
