using Workflows.Activities.Capacity;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Provisioning;

public sealed class EndAttemptActivityTests : RunFolder
{
    [Fact]
    public async Task End_RunTwice_LeavesOneFactAndSaysWhichCallWroteIt()
    {
        var lease = new TpuLease(
            NodeName.Of("p", "z-a", "n"), new Candidate("z-a", "t", ProvisioningMode.Spot, "v", 8, 1), 3);
        var end = new AttemptEnd(Id, lease, AttemptOutcome.Refused, null, 2);
        var activity = new EndAttemptActivity(Ledger);

        Assert.True(await activity.RunAsync(null!, end));
        Assert.False(await activity.RunAsync(null!, end with { Outcome = AttemptOutcome.Ready }));

        Assert.Equal(
            AttemptOutcome.Refused, Assert.Single(Ledger.Read<AttemptEnd>(Id, LedgerKinds.Attempt)).Data.Outcome);
    }

    /// <summary>A refusal of the place is remembered against it; one of the run's own deadline, of the network or of
    /// the project is not.</summary>
    [Theory]
    [InlineData(AttemptOutcome.Ready, "", 0, RefusalScope.Zone, 1, 0)]
    [InlineData(AttemptOutcome.Refused, "QUOTA_EXCEEDED", 3600, RefusalScope.Region, 0, 1)]
    [InlineData(AttemptOutcome.Failed, "OUT_OF_CAPACITY", 600, RefusalScope.Zone, 0, 1)]
    [InlineData(AttemptOutcome.Timeout, "BOOT_TIMEOUT", 600, RefusalScope.Zone, 0, 1)]
    [InlineData(AttemptOutcome.Timeout, "SPOT_TOO_LATE", 0, RefusalScope.Zone, 0, 0)]
    [InlineData(AttemptOutcome.Refused, "RATE_LIMITED", 0, RefusalScope.Zone, 0, 0)]
    [InlineData(AttemptOutcome.Refused, "API_DISABLED", 600, RefusalScope.Project, 0, 0)]
    [InlineData(AttemptOutcome.Skipped, "OUT_OF_CAPACITY", 600, RefusalScope.Zone, 0, 0)]
    [InlineData(AttemptOutcome.Cancelled, "", 0, RefusalScope.Zone, 0, 0)]
    public async Task End_OfAnAttempt_IsRememberedOfThePlace(
        AttemptOutcome outcome, string code, double seconds, RefusalScope scope, int nodes, int inVain)
    {
        var memory = new CapacityMemory(Folder, TimeProvider.System);
        var place = new Candidate("us-west4-a", "t", ProvisioningMode.Spot, "v", 8, 1);
        var end = new AttemptEnd(
            Id, new TpuLease(NodeName.Of("p", place.Zone, "n"), place, 1), outcome,
            code.Length == 0 ? null : new Refusal(code, scope, seconds, "r", "f"), 42);
        var activity = new EndAttemptActivity(Ledger, memory);

        await activity.RunAsync(null!, end);
        await activity.RunAsync(null!, end);
        await activity.RunAsync(null!, end with
        {
            Lease = end.Lease with { NodeName = NodeName.None, Attempt = 2 },
            Outcome = AttemptOutcome.Refused,
            Refusal = new Refusal("CLOUD_UNREACHABLE", RefusalScope.Zone, 60, "r", "f"),
        });

        var past = memory.PastsOf("p").Of(place);
        Assert.Equal((nodes, inVain), (past.Nodes, past.InVain));
        Assert.Equal(nodes > 0 ? 42.0 : null, past.WaitSeconds);
        Assert.Equal(inVain > 0 ? 42.0 : null, past.InVainSeconds);
    }
}
