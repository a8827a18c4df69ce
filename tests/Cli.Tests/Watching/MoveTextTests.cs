using System.Text.Json;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;

namespace Workflows.Cli.Tests.Watching;

/// <summary>The moves of a working run, for people.</summary>
public sealed class MoveTextTests
{
    private static readonly Candidate Old = new("us-east5-a", "v5litepod-8", ProvisioningMode.OnDemand, "v", 8, 9.6);

    private static readonly Candidate New =
        Old with { Zone = "us-central1-a", Provisioning = ProvisioningMode.Spot, UsdPerHour = 2.38 };

    [Theory]
    [InlineData(
        LedgerKinds.MoveBegun, MoveStep.Begun,
        "move        to us-central1-a is being prepared (back to spot: the deadline leaves time for a loss): 9.60 to "
        + "2.38 USD an hour, saves about 12.50 USD and costs 0.40; us-east5-a works on")]
    [InlineData(LedgerKinds.Moved, MoveStep.Done, "moved       from us-east5-a to us-central1-a after 150 s")]
    [InlineData(
        LedgerKinds.MoveGivenUp, MoveStep.GivenUp,
        "move        to us-central1-a given up after 150 s: BOOT_TIMEOUT")]
    public void Of_AStepOfAMove_TellsPlacesAndMoney(string kind, MoveStep step, string line)
    {
        var move = new OpenMove(
            new TpuLease(NodeName.Of("p", Old.Zone, "a"), Old, 1),
            new TpuLease(NodeName.Of("p", New.Zone, "b"), New, 2),
            "operation", MoveReason.BackToSpot, 12.5, 0.4, DateTimeOffset.UnixEpoch);
        var fact = new MoveRecord(new RunId("run"), move, step, 150, step == MoveStep.GivenUp ? "BOOT_TIMEOUT" : null);

        Assert.Equal(line, EventText.Of(new RunEvent(
            1, DateTimeOffset.UnixEpoch, kind, "2", JsonSerializer.SerializeToElement(fact, RunLedger.Json))));
    }
}
