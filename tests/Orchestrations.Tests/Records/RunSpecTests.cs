namespace Workflows.Orchestrations.Tests.Records;

/// <summary>Figures that a run's settings imply.</summary>
public sealed class RunSpecTests
{
    /// <summary>A refusal of ten minutes is over within a rehearsal's search, and lasts ten minutes else.</summary>
    [Theory]
    [InlineData(false, 60, 1)]
    [InlineData(false, 2, 1)]
    [InlineData(true, 60, 1)]
    [InlineData(true, 2, 2.0 / 60)]
    public void MemoryPace_OfARun_IsOneUnlessItIsARehearsal(bool isRehearsal, double pause, double pace)
    {
        var spec = Given.Spec with
        {
            IsRehearsal = isRehearsal,
            Pace = new PaceSpec { RoundPauseSeconds = pause },
        };

        Assert.Equal(60, new PaceSpec().RoundPauseSeconds);
        Assert.Equal(pace, spec.MemoryPace, 12);
    }
}
