using Workflows.Pjrt.Tests;
using Workflows.TpuWorker.Gemma3.Lean;

namespace Workflows.TpuWorker.Tests.Gemma3.Lean;

/// <summary>Steps of the published models, built from sizes alone.</summary>
public sealed class LeanSizesTests
{
    private const double GiB = 1L << 30;

    private static Gemma3Config Config270M { get; } = new()
    {
        VocabularySize = 262_144,
        HiddenSize = 640,
        IntermediateSize = 2_048,
        LayerCount = 18,
        HeadCount = 4,
        KeyValueHeadCount = 1,
        HeadDimension = 256,
        QueryPreAttentionScalar = 256,
        SlidingWindow = 512,
    };

    private static Gemma3Config Config1B { get; } = Config270M with
    {
        HiddenSize = 1_152,
        IntermediateSize = 6_912,
        LayerCount = 26,
    };

    private static Gemma3Config Config12B { get; } = Config270M with
    {
        VocabularySize = 262_208,
        HiddenSize = 3_840,
        IntermediateSize = 15_360,
        LayerCount = 48,
        HeadCount = 16,
        KeyValueHeadCount = 8,
        SlidingWindow = 1_024,
        GlobalRopeFactor = 8,
    };

    [Fact]
    public void Build_270MFull_HoldsThreeCopiesInSinglePrecision()
    {
        var step = LeanStep.Build(Config270M, 64, 256);

        // 268,098,176 weights (published), three numbers of four bytes for each.
        const long States = 3 * 4 * 268_098_176L;
        Assert.Equal(States, step.Module.DonatedBytes);
        Assert.InRange(step.Module.ArgumentBytes - States, 1, 1 << 20);
        Assert.Equal(step.Cost.ArgumentBytes, step.Module.ArgumentBytes);

        // Weights of the layers four times with recomputation, the vocabulary three times, two operations each;
        // attention comes on top.
        var tokens = 64 * 256L;
        var least = 2 * tokens * ((4 * 100_278_272L) + (3 * 262_144L * 640));
        Assert.InRange((double)step.Cost.ProductFlops / least, 1, 1.1);
        Assert.InRange(step.Module.Text.Length, 10_000, 400_000);
    }

    [Fact]
    public void Build_1BAdapter_HoldsItsWeightsInHalf()
    {
        var step = LeanStep.Build(Config1B, 16, 256, rank: 16);

        Assert.Equal(3 * 4 * 13_045_760L, step.Module.DonatedBytes);
        Assert.InRange((step.Module.ArgumentBytes - step.Module.DonatedBytes) / (2 * 999_885_952.0), 1, 1.001);
        Assert.InRange(step.Module.Text.Length, 10_000, 500_000);
    }

    [Fact]
    public void Build_12B_CountsBeyondTwoToThe31()
    {
        var step = LeanStep.Build(Config12B, 4, 256);

        Assert.Equal(3 * 4 * 11_766_034_176L, step.Module.DonatedBytes);
        Assert.Contains(
            step.Module.Arguments, argument => argument.Shape.ElementCount > int.MaxValue);
    }

    [Theory]
    [InlineData("270M", 8, 64, null)]
    [InlineData("1B", 2, 64, 16)]
    public async Task Compile_PublishedSizes_KeepsTheStatesInPlaceAndNoLogitsOfAllAnswers(
        string name, int batch, int length, int? rank)
    {
        var client = await CpuPlugin.ClientOrSkipAsync();
        var config = name == "1B" ? Config1B : Config270M;
        var step = LeanStep.Build(config, new LeanPlan
        {
            Batch = batch,
            Length = length,
            Lora = rank is { } given ? new() { Rank = given } : null,
            ChunkRows = 32,
        });

        using var program = client.Compile(step.Module.Text);
        var memory = program.Executable.ReadMemory()!;

        TestContext.Current.TestOutputHelper!.WriteLine(
            $"{name} {batch} x {length}: arguments {memory.Arguments / GiB:f2} GiB, "
            + $"temporaries {memory.Temporaries / GiB:f2} GiB");
        Assert.Equal(step.Module.DonatedBytes, memory.Aliased);
        Assert.Equal(step.Module.ArgumentBytes, memory.Arguments);
    }
}
