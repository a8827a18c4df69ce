namespace Workflows.Orchestrations.Tests;

/// <summary>Records for tests.</summary>
internal static class Given
{
    public static RunSpec Spec { get; } = new()
    {
        RunId = new RunId("run"),
        Name = "run",
        Project = "p",
        Direction = RunDirection.KoToEn,
        Model = "m",
        Data = new DataSpec { Train = "t" },
        Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"], AcquireTimeoutSeconds = 600 },
        Pace = new PaceSpec { PollSeconds = 10, BootSeconds = 60, RoundPauseSeconds = 60, SilenceSeconds = 30 },
    };

    public static RunVariant Variant(RunSpec group, string name) => new(name, "{}", group with
    {
        RunId = new RunId($"{group.RunId}-{name}"),
        Name = $"{group.Name}: {name}",
        Approval = null,
        Group = new VariantGroup(group.RunId, name),
    });

    public static PreparedData Data { get; } = new("train", "test", 10, 5, new Dictionary<string, int>());

    public static RunPlan Plan(params string[] zones) => new([.. zones.Select(At)], 1, 1);

    public static Candidate At(string zone) => new(zone, "v5litepod-8", ProvisioningMode.Spot, "v", 8, 1);

    public static Refusal Refusal(string code, RefusalScope scope, double remember) =>
        new(code, scope, remember, $"{code} reason", $"{code} fix");

    public static TpuLease Lease(string zone) => new(Node(zone, "n"), At(zone), 1);

    public static NodeName Node(string zone, string id) => NodeName.Of("p", zone, id);
}
