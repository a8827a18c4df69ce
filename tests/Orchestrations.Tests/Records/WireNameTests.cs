namespace Workflows.Orchestrations.Tests.Records;

/// <summary>Names are in files, on the wire and in histories: these lists may grow, and never change.</summary>
public sealed class WireNameTests
{
    [Fact]
    public void Of_EveryMember_IsTheNameThatIsInFiles()
    {
        Assert.Equal(["ready", "refused", "skipped", "failed", "timeout", "cancelled"], WireName.All<AttemptOutcome>());
        Assert.Equal(
            ["pending", "running", "suspended", "succeeded", "failed", "cancelled", "terminated"],
            WireName.All<RunStatus>());
        Assert.Equal(
            ["pending", "plan", "prepare", "train", "evaluate", "teardown", "report", "done", "compile", "approve"],
            WireName.All<RunStageName>());
        Assert.Equal(["ko-en", "en-ko", "both"], WireName.All<RunDirection>());
        Assert.Equal(["spot", "on-demand", "flex-start", "reserved"], WireName.All<ProvisioningMode>());
        Assert.Equal("on-demand", WireName.Of(ProvisioningMode.OnDemand));
    }

    [Theory]
    [InlineData("on-demand", true)]
    [InlineData("On-Demand", false)]
    [InlineData("OnDemand", false)]
    [InlineData("1", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void TryParse_OfAName_TakesTheWrittenOneAlone(string? name, bool isMember) =>
        Assert.Equal(isMember, WireName.TryParse<ProvisioningMode>(name, out _));

    [Fact]
    public void Of_ANumberOutsideTheSet_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => WireName.Of((RunStatus)99));

    [Fact]
    public void Of_ASetWithoutNames_SaysWhichMemberHasNone()
    {
        var fault = Assert.Throws<TypeInitializationException>(() => WireName.Of(DayOfWeek.Monday));

        Assert.Contains(
            "DayOfWeek.Sunday has no written name", fault.InnerException?.Message, StringComparison.Ordinal);
    }
}
