using Workflows.Capacity.Bench.Markets;

namespace Workflows.Capacity.Tests.Simulation;

public sealed class TraceGeneratorTests
{
    // Long enough that chance moves the means by less than the bounds.
    private const double Days = 400;

    private static readonly IReadOnlyList<SpotTrace> Traces =
        TraceGenerator.Generate(TraceGenerator.Measured, Days, seed: 1);

    public static TheoryData<int> Zones => [.. Enumerable.Range(0, TraceGenerator.Measured.Count)];

    [Theory]
    [MemberData(nameof(Zones))]
    public void Generate_OfEachMeasuredZone_HasItsShareAndMeanRuns(int zone)
    {
        var (wanted, trace) = (TraceGenerator.Measured[zone], Traces[zone]);
        var meanDown = wanted.MeanUp * (1 - wanted.Share) / wanted.Share;

        Assert.InRange(trace.Share, wanted.Share - 0.06, wanted.Share + 0.06);
        Assert.InRange(trace.Runs(isUp: true).Average(), wanted.MeanUp * 0.75, wanted.MeanUp * 1.33);
        Assert.InRange(trace.Runs(isUp: false).Average(), meanDown * 0.65, meanDown * 1.5);
    }

    /// <summary>The measured zones: 0.25 to 0.59 within a region, mean 0.44; 0.03 to 0.27 between regions, mean
    /// 0.13.</summary>
    [Fact]
    public void Generate_TwoZones_AreCorrelatedAsTheMeasuredOnes()
    {
        var pairs = from a in Enumerable.Range(0, Traces.Count)
                    from b in Enumerable.Range(0, Traces.Count)
                    where a < b
                    select (
                        IsOneRegion: TraceGenerator.Measured[a].Region == TraceGenerator.Measured[b].Region,
                        Value: Correlation(Traces[a], Traces[b]));
        var byRegion = pairs.ToLookup(pair => pair.IsOneRegion, pair => pair.Value);

        Assert.InRange(byRegion[true].Average(), 0.30, 0.58);
        Assert.InRange(byRegion[false].Average(), 0.03, 0.23);
    }

    [Fact]
    public void Generate_TheSameSeed_GivesTheSameTraces()
    {
        var one = TraceGenerator.Generate(TraceGenerator.Measured, 2, seed: 7);
        var two = TraceGenerator.Generate(TraceGenerator.Measured, 2, seed: 7);
        var other = TraceGenerator.Generate(TraceGenerator.Measured, 2, seed: 8);

        Assert.Equal(one.SelectMany(trace => trace.Points), two.SelectMany(trace => trace.Points));
        Assert.NotEqual(one.SelectMany(trace => trace.Points), other.SelectMany(trace => trace.Points));
    }

    private static double Correlation(SpotTrace a, SpotTrace b)
    {
        var both = a.Points.Zip(b.Points).Average(pair => pair.First && pair.Second ? 1.0 : 0.0);
        return (both - a.Share * b.Share)
            / Math.Sqrt(a.Share * (1 - a.Share) * b.Share * (1 - b.Share));
    }
}
