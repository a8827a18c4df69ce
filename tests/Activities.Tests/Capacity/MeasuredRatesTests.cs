using Workflows.Activities.Capacity;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Capacity;

/// <summary>Rates of this machine, kept from one rehearsal to the next.</summary>
public sealed class MeasuredRatesTests : RunFolder
{
    private static readonly DateTimeOffset At = new(2026, 11, 24, 9, 0, 0, TimeSpan.Zero);

    private string PathOfRates => Path.Combine(Folder, "measured-rates.json");

    private MeasuredRates Rates => new(Folder);

    [Fact]
    public void Find_BeforeAnyRehearsal_IsNone()
    {
        Assert.Null(Find(Spec(), 1e6));
        Assert.False(File.Exists(PathOfRates));
    }

    [Fact]
    public void Find_AfterARestart_HasTheNewestOfTheSameModel()
    {
        Rates.Remember(Rate(1e6, 0.02));
        Rates.Remember(Rate(1e6, 0.03) with { At = At.AddHours(1) });

        Assert.Equal(0.03, Find(Spec(), 1e6)!.TrainingTflops);
        Assert.Equal(1, File.ReadAllText(PathOfRates).Split("trainingTflops").Length - 1);
    }

    [Fact]
    public void Find_OfSeveralSizes_TakesTheNearestWithinTwice()
    {
        Rates.Remember(Rate(1e6, 0.01));
        Rates.Remember(Rate(1.8e6, 0.02));

        Assert.Equal(0.01, Find(Spec(), 1.1e6)!.TrainingTflops);
        Assert.Equal(0.02, Find(Spec(), 1.6e6)!.TrainingTflops);
        Assert.Equal(0.02, Find(Spec(), 3.5e6)!.TrainingTflops);
        Assert.Null(Find(Spec(), 3.7e6));
        Assert.Null(Find(Spec(), 0.4e6));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    public void Find_OfAModelWithoutParameters_IsNone(double parameters)
    {
        Rates.Remember(Rate(1e6, 0.02));

        Assert.Null(Find(Spec(), parameters));
    }

    [Fact]
    public void Find_ForAnotherMethodAnotherMachineOrARunThatPays_IsNone()
    {
        Rates.Remember(Rate(1e6, 0.02));
        Rates.Remember(Rate(4e6, 0.02) with { Processors = Environment.ProcessorCount + 1 });

        Assert.Null(Find(Spec() with { Training = new TrainingSpec { Method = "lora" } }, 1e6));
        Assert.Null(Find(Spec(), 4e6));
        Assert.Null(Find(Spec() with { IsRehearsal = false }, 1e6));
    }

    [Fact]
    public void Remember_OfARunThatLostATpu_KeepsTheKnownTimeWithoutComputing()
    {
        Rates.Remember(Rate(1e6, 0.02) with { RestSeconds = 4 });
        Rates.Remember(Rate(1e6, 0.03) with { At = At.AddHours(1), RestSeconds = null });

        Assert.Equal((0.03, 4.0), (Find(Spec(), 1e6)!.TrainingTflops, Find(Spec(), 1e6)!.RestSeconds));
    }

    [Fact]
    public void Remember_OfManyModels_KeepsTheNewestFifty()
    {
        for (var each = 0; each < 60; each++)
        {
            Rates.Remember(Rate(Math.Pow(4, each + 1), 0.02) with { At = At.AddHours(each) });
        }

        Assert.Null(Find(Spec(), Math.Pow(4, 10)));
        Assert.NotNull(Find(Spec(), Math.Pow(4, 11)));
        Assert.NotNull(Find(Spec(), Math.Pow(4, 60)));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(double.NaN, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    [InlineData(1, double.NegativeInfinity)]
    public void Remember_OfImpossibleRates_KeepsNone(double train, double evaluate)
    {
        Rates.Remember(Rate(1e6, train) with { TranslatingTflops = evaluate });

        Assert.False(File.Exists(PathOfRates));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("[null]")]
    [InlineData("[{}]")]
    [InlineData("""[{"runId": "../x", "parameters": 1000000, "trainTflops": 1}]""")]
    [InlineData("""
        [{"runId": "r", "at": "2026-11-24T09:00:00Z", "parameters": -1, "method": "full", "processors": 2,
          "trainingTflops": 0.1, "translatingTflops": 0.1}]
        """)]
    [InlineData("""
        [{"runId": "r", "at": "2026-11-24T09:00:00Z", "parameters": 1000000, "method": "full", "processors": 2,
          "trainTflops": 0.1, "evaluateTflops": 0.1}]
        """)]
    public void Find_InAFileOfRubbish_IsNoneAndTheNextRehearsalReplacesIt(string text)
    {
        File.WriteAllText(PathOfRates, text);

        Assert.Null(Find(Spec(), 1e6));
        Rates.Remember(Rate(1e6, 0.02));

        Assert.Equal(0.02, Find(Spec(), 1e6)!.TrainingTflops);
    }

    /// <summary>A slice measures for its own type, and this machine for rehearsals.</summary>
    [Fact]
    public void Find_OfARunThatPays_HasTheRatesOfItsTypeAlone()
    {
        var paying = Spec() with { IsRehearsal = false };
        Rates.Remember(Rate(1e6, 0.02));
        Rates.Remember(Rate(1e6, 30) with { AcceleratorType = "v5litepod-8", Processors = 99 });
        Rates.Remember(Rate(1e6, 90) with { AcceleratorType = "v6e-1" });

        Assert.Equal(30, Find(paying, 1e6)!.TrainingTflops);
        Assert.Equal(90, Rates.Find(paying, 1e6, "v6e-1")!.TrainingTflops);
        Assert.Null(Rates.Find(paying, 1e6, "v6e-4"));
        Assert.Equal(0.02, Find(Spec(), 1e6)!.TrainingTflops);
    }

    private MeasuredRate? Find(RunSpec spec, double parameters) => Rates.Find(spec, parameters, "v5litepod-8");

    private static MeasuredRate Rate(double parameters, double tflops) =>
        new(new RunId("r"), At, parameters, "full", Environment.ProcessorCount, tflops, 0.004, 5);
}
