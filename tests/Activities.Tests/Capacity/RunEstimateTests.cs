using Workflows.Activities.Capacity;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Capacity;

public sealed class RunEstimateTests
{
    private static readonly MeasuredRate Measured = new(
        new RunId("earlier"), DateTimeOffset.UnixEpoch, 1e6, "full", 2, 0.02, 0.004, 5.5);

    [Fact]
    public void Of_ARunThatPays_AssumesAShareOfThePeakWhateverRehearsalsMeasured()
    {
        var estimate = RunEstimate.Of(Spec(isRehearsal: false), 1e9, 200, Measured);

        // 6 operations, 10 steps of 4 x 2 pairs of 40 tokens; 2 operations, two models, 100 sentences of 40 tokens.
        Assert.Equal(6e9 * 10 * 8 * 40 / 50e12, estimate.Train, 9);
        Assert.Equal(2e9 * 2 * 100 * 40 / 50e12, estimate.Evaluate, 9);
        Assert.Equal(180, estimate.Rest);
        Assert.Equal(estimate.Rest + estimate.Train + estimate.Evaluate, estimate.Total, 9);
        Assert.Equal("The rate is assumed: a quarter of the chips' peak.", estimate.Basis);
    }

    [Fact]
    public void Of_AFirstRehearsal_CallsItsRateAGuess()
    {
        var estimate = RunEstimate.Of(Spec(isRehearsal: true), 1e6, 200);

        Assert.Equal((0.1, 0.1), (estimate.TrainTflops, estimate.EvaluateTflops));
        Assert.StartsWith(
            "The rate is a guess, 0.1 TFLOP/s, until a rehearsal", estimate.Basis, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_ALaterRehearsal_UsesTheMeasuredRatesAndNamesTheirRun()
    {
        var estimate = RunEstimate.Of(Spec(isRehearsal: true), 1e6, 200, Measured);

        Assert.Equal(6e6 * 10 * 8 * 40 / 0.02e12, estimate.Train, 9);
        Assert.Equal(2e6 * 2 * 100 * 40 / 0.004e12, estimate.Evaluate, 9);
        Assert.Equal(5.5, estimate.Rest);
        Assert.Equal(
            "The rates are those that rehearsal earlier measured on this machine: 0.02 TFLOP/s of training, 0.004 of "
            + "translating.", estimate.Basis);
        Assert.Equal(
            8, RunEstimate.Of(Spec(isRehearsal: true), 1e6, 200, Measured with { RestSeconds = null }).Rest);
    }

    [Theory]
    [InlineData(null, 100)]
    [InlineData(40, 40)]
    [InlineData(1000, 100)]
    public void Of_ATestSetThatWasCounted_TakesItsSentencesUpToTheMostOfTheRequest(int? counted, int pairs) =>
        Assert.Equal(pairs, RunEstimate.Of(Spec(isRehearsal: true), 1e6, 200, null, counted).TestPairs);

    [Fact]
    public void Of_BothDirections_TranslatesTheTestSetTwice()
    {
        var spec = Spec(isRehearsal: true);

        Assert.Equal(
            2 * RunEstimate.Of(spec, 1e6, 200).Evaluate,
            RunEstimate.Of(spec with { Direction = RunDirection.Both }, 1e6, 200).Evaluate, 9);
    }

    private static RunSpec Spec(bool isRehearsal) => new()
    {
        RunId = new RunId("r"),
        Name = "r",
        Project = "p",
        Direction = RunDirection.KoToEn,
        Model = "/m",
        Data = new DataSpec { Train = "t", MaxTestPairs = 100 },
        Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"] },
        Training = new TrainingSpec { Steps = 10, BatchSize = 4, AccumulationSteps = 2 },
        IsRehearsal = isRehearsal,
    };
}
