using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Provisioning;

/// <summary>A run's folder, a cloud and workers: the world of the activities that rent and give back.</summary>
public abstract class CloudFolder : IAsyncLifetime
{
    internal const string Zone = "us-west4-a";

    protected static readonly RunId Run = new("run-1");

    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    protected CloudFolder()
    {
        Ledger = new RunLedger(_folder, Clock);
        Memory = new CapacityMemory(_folder, Clock);
    }

    protected FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero));

    protected RunLedger Ledger { get; }

    protected CapacityMemory Memory { get; }

    protected string Folder => _folder;

    internal FakeCloud Cloud { get; private set; } = null!;

    internal FakeJobs Jobs { get; } = new();

    protected static RunSpec Spec { get; } = new()
    {
        RunId = Run,
        Name = "n",
        Project = "p",
        Direction = RunDirection.KoToEn,
        Model = "m",
        Data = new DataSpec { Train = "t" },
        Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"] },
        Pace = new PaceSpec { SilenceSeconds = 30 },
    };

    public async ValueTask InitializeAsync() => Cloud = await FakeCloud.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await Cloud.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected static Candidate Place(string zone = Zone, ProvisioningMode mode = ProvisioningMode.Spot) =>
        new(zone, "v5litepod-8", mode, "v2-alpha-tpuv5-lite", 8, 3.6);

    protected static NodeName Node(int attempt, string zone = Zone) => NodeName.Of("p", zone, $"wf-run-1-{attempt}");

    protected static TpuLease Lease(int attempt, string zone = Zone) => new(Node(attempt, zone), Place(zone), attempt);

    /// <summary>Notes that a node was about to be asked for.</summary>
    protected void Intend(int attempt) => Ledger.Append(Run, LedgerKinds.Intent, $"{Node(attempt)}", Lease(attempt));

    /// <summary>Notes how an attempt ended.</summary>
    protected void End(int attempt, AttemptOutcome outcome, NodeName? name = null) => Ledger.Append(
        Run, LedgerKinds.Attempt, $"{attempt}",
        new AttemptEnd(Run, Lease(attempt) with { NodeName = name ?? Node(attempt) }, outcome, null, 1));

    protected int Facts(string kind) => Ledger.Read(Run).Count(entry => entry.Kind == kind);
}
