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
}
