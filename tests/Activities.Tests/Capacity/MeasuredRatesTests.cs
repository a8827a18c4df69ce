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
        Assert.Null(Rates.Find(Spec(), 1e6));
        Assert.False(File.Exists(PathOfRates));
    }

    [Fact]
    public void Find_AfterARestart_HasTheNewestOfTheSameModel()
    {
        Rates.Remember(Rate(1e6, 0.02));
        Rates.Remember(Rate(1e6, 0.03) with { At = At.AddHours(1) });

        Assert.Equal(0.03, Rates.Find(Spec(), 1e6)!.TrainTflops);
        Assert.Equal(1, File.ReadAllText(PathOfRates).Split("trainTflops").Length - 1);
    }

    [Fact]
    public void Find_OfSeveralSizes_TakesTheNearestWithinTwice()
    {
        Rates.Remember(Rate(1e6, 0.01));
        Rates.Remember(Rate(1.8e6, 0.02));

        Assert.Equal(0.01, Rates.Find(Spec(), 1.1e6)!.TrainTflops);
        Assert.Equal(0.02, Rates.Find(Spec(), 1.6e6)!.TrainTflops);
        Assert.Equal(0.02, Rates.Find(Spec(), 3.5e6)!.TrainTflops);
        Assert.Null(Rates.Find(Spec(), 3.7e6));
        Assert.Null(Rates.Find(Spec(), 0.4e6));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    public void Find_OfAModelWithoutParameters_IsNone(double parameters)
    {
        Rates.Remember(Rate(1e6, 0.02));

        Assert.Null(Rates.Find(Spec(), parameters));
    }

    [Fact]
    public void Find_ForAnotherMethodAnotherMachineOrARunThatPays_IsNone()
    {
        Rates.Remember(Rate(1e6, 0.02));
        Rates.Remember(Rate(4e6, 0.02) with { Processors = Environment.ProcessorCount + 1 });

        Assert.Null(Rates.Find(Spec() with { Training = new TrainingSpec { Method = "lora" } }, 1e6));
        Assert.Null(Rates.Find(Spec(), 4e6));
        Assert.Null(Rates.Find(Spec() with { IsRehearsal = false }, 1e6));
    }

    [Fact]
    public void Remember_OfARunThatLostATpu_KeepsTheKnownTimeWithoutComputing()
    {
        Rates.Remember(Rate(1e6, 0.02) with { RestSeconds = 4 });
        Rates.Remember(Rate(1e6, 0.03) with { At = At.AddHours(1), RestSeconds = null });

        Assert.Equal((0.03, 4.0), (Rates.Find(Spec(), 1e6)!.TrainTflops, Rates.Find(Spec(), 1e6)!.RestSeconds));
    }

    [Fact]
    public void Remember_OfManyModels_KeepsTheNewestFifty()
    {
        for (var each = 0; each < 60; each++)
        {
            Rates.Remember(Rate(Math.Pow(4, each + 1), 0.02) with { At = At.AddHours(each) });
        }

        Assert.Null(Rates.Find(Spec(), Math.Pow(4, 10)));
        Assert.NotNull(Rates.Find(Spec(), Math.Pow(4, 11)));
        Assert.NotNull(Rates.Find(Spec(), Math.Pow(4, 60)));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(double.NaN, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    [InlineData(1, double.NegativeInfinity)]
    public void Remember_OfImpossibleRates_KeepsNone(double train, double evaluate)
    {
        Rates.Remember(Rate(1e6, train) with { EvaluateTflops = evaluate });

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
          "trainTflops": 0.1, "evaluateTflops": 0.1}]
        """)]
    public void Find_InAFileOfRubbish_IsNoneAndTheNextRehearsalReplacesIt(string text)
    {
        File.WriteAllText(PathOfRates, text);

        Assert.Null(Rates.Find(Spec(), 1e6));
        Rates.Remember(Rate(1e6, 0.02));

        Assert.Equal(0.02, Rates.Find(Spec(), 1e6)!.TrainTflops);
    }

    private static MeasuredRate Rate(double parameters, double tflops) =>
        new(new RunId("r"), At, parameters, "full", Environment.ProcessorCount, tflops, 0.004, 5);
}
