using System.Net;
using System.Net.Sockets;
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

    /// <summary>A plan must not wait for pages without an end: half a minute is for all of them.</summary>
    [Fact]
    public async Task QuotasAsync_OfAServiceThatAcceptsAndNeverAnswers_EndsWithinHalfAMinuteAndLeavesNoPlaceOut()
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var rest = new GoogleRest(new Uri($"http://{silent.LocalEndpoint}"));
        var readiness = new CloudReadiness(
            new GoogleServices(rest, rest), Cloud, new RunArtifacts(Ledger, "gs://bucket/prefix"),
            new WorkerBootstrap(new Uri("https://gateway.example"), "us-docker.pkg.dev/p/r/worker:1", ""),
            PriceCatalog.Load(null), Clock);

        var asking = readiness.QuotasAsync("p", cancellation);
        using var caller = await silent.AcceptSocketAsync(cancellation);
        Clock.Advance(TimeSpan.FromSeconds(30));
        var quotas = await asking.WaitAsync(TimeSpan.FromMinutes(2), cancellation);

        Assert.Contains("could not be asked", quotas.Problem, StringComparison.Ordinal);
        Assert.Equal([Place()], quotas.LeaveOut([Place()]));
    }

    /// <summary>An answer without an end would fill the memory of the service.</summary>
    [Fact]
    public async Task QuotasAsync_OfAnAnswerThatIsTooLong_LeavesNoPlaceOut()
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var endless = new TcpListener(IPAddress.Loopback, 0);
        endless.Start();
        using var rest = new GoogleRest(new Uri($"http://{endless.LocalEndpoint}"));
        var readiness = new CloudReadiness(
            new GoogleServices(rest, rest), Cloud, new RunArtifacts(Ledger, "gs://bucket/prefix"),
            new WorkerBootstrap(new Uri("https://gateway.example"), "us-docker.pkg.dev/p/r/worker:1", ""),
            PriceCatalog.Load(null), Clock);

        var asking = readiness.QuotasAsync("p", cancellation);
        using var caller = await endless.AcceptSocketAsync(cancellation);
        await caller.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n{"u8.ToArray(), cancellation);
        var quotas = await asking.WaitAsync(TimeSpan.FromMinutes(2), cancellation);

        Assert.Contains("could not be asked", quotas.Problem, StringComparison.Ordinal);
    }
}
