using Workflows.Capacity.Bench.Markets;
using Workflows.TestKit;

namespace Workflows.Capacity.Tests.Simulation;

public sealed class TraceFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_RunsOfTwoZones_AreTheirPoints()
    {
        var traces = Read("s,east-1a,v100,195,6,0x2 1x3 0x1", "s,west-2b,v100,60,3,1x3");

        Assert.Equal(["east-1a", "west-2b"], traces.Select(trace => trace.Zone));
        Assert.Equal([false, false, true, true, true, false], traces[0].Points);
        Assert.Equal((195, 0.5, 1), (traces[0].GapSeconds, traces[0].Share, traces[1].Share));
        Assert.Equal([3], traces[0].Runs(isUp: true));
        Assert.Equal([2, 1], traces[0].Runs(isUp: false));
    }

    [Theory]
    [InlineData("s,z,v,195,6", "five fields", "Line 2: it has 5 fields")]
    [InlineData("s,,v,195,1,1x1", "no zone", "Line 2: zone is empty")]
    [InlineData("s,z,v,0,1,1x1", "a gap of nothing", "Line 2: gap_seconds is '0'")]
    [InlineData("s,z,v,NaN,1,1x1", "a gap that is no number", "Line 2: gap_seconds is 'NaN'")]
    [InlineData("s,z,v,195,-1,1x1", "a count below 0", "Line 2: points is '-1'")]
    [InlineData("s,z,v,195,99999999999,1x1", "a count beyond all", "Line 2: points is '99999999999'")]
    [InlineData("s,z,v,195,3,2x3", "a value that is neither", "Line 2: the run '2x3' is wrong")]
    [InlineData("s,z,v,195,3,1x-3", "a length below 0", "Line 2: the run '1x-3' is wrong")]
    [InlineData("s,z,v,195,3,1x2 0x2147483647", "a run that fills the memory", "Line 2: the run '0x2147483647'")]
    [InlineData("s,z,v,195,3,1x2", "too few points", "Line 2: its runs have 2 points, and the line says 3")]
    public void Read_Rubbish_IsRefusedWithItsLineAndAFix(string line, string what, string expected)
    {
        var fault = Assert.Throws<TraceException>(() => Read(line));

        Assert.StartsWith(expected, fault.Message, StringComparison.Ordinal);
        Assert.True(fault.Message.Contains("; ", StringComparison.Ordinal), $"{what}: no fix in '{fault.Message}'.");
    }

    [Fact]
    public void Read_ALineOfAnyLength_IsShownInPart() => Assert.InRange(
        Assert.Throws<TraceException>(() => Read($"s,z,v,195,3,{new string('x', 100_000)}")).Message.Length, 1, 300);

    [Fact]
    public void Read_AZoneTwice_IsRefused() => Assert.StartsWith(
        "Line 3: zone 'z' is there twice",
        Assert.Throws<TraceException>(() => Read("s,z,v,195,1,1x1", "s,z,v,195,1,0x1")).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("zone,runs")]
    [InlineData("")]
    public void Read_AnotherHeader_IsRefused(string header)
    {
        var path = _folder.WriteLines("traces.csv", [header]);

        Assert.StartsWith(
            "Line 1: ", Assert.Throws<TraceException>(() => TraceFile.Read(path)).Message, StringComparison.Ordinal);
    }

    private IReadOnlyList<SpotTrace> Read(params string[] lines) =>
        TraceFile.Read(_folder.WriteLines("traces.csv", [TraceFile.Header, .. lines]));
}
