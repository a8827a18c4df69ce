using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Readiness;
using Workflows.Activities.Tests.Provisioning;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Readiness;

public sealed class CloudReadinessTests : CloudFolder
{
    [Fact]
    public async Task QuickAsync_GoogleOutOfReach_WarnsAndEndsNoRun()
    {
        using var port = ReservedPort.Take();
        using var rest = new GoogleRest(new Uri($"http://127.0.0.1:{port.Number}"));
        var readiness = new CloudReadiness(
            new GoogleServices(rest, rest), Cloud, new RunArtifacts(Ledger, "gs://bucket/prefix"),
            new WorkerBootstrap(new Uri("https://gateway.example"), "us-docker.pkg.dev/p/r/worker:1", ""),
            PriceCatalog.Load(null), Clock);

        var lines = await readiness.QuickAsync(Spec, TestContext.Current.CancellationToken);

        Assert.DoesNotContain(lines, line => line.Level == ReadinessLevel.Fail);
        Assert.Equal(
            ["api", "rights", "bucket"],
            lines.Where(line => line.Level == ReadinessLevel.Warn).Select(line => line.Check));
        Assert.All(
            lines.Where(line => line.Level == ReadinessLevel.Warn),
            line => Assert.Contains("could not be asked", line.Finding, StringComparison.Ordinal));
    }
}
