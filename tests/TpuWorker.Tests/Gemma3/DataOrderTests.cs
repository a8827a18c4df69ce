using Workflows.TpuWorker.Gemma3.Training;

namespace Workflows.TpuWorker.Tests.Gemma3;

public sealed class DataOrderTests
{
    private static readonly int[] Lengths = [.. Enumerable.Range(0, 103).Select(i => 5 + (i * 37 % 60))];

    [Fact]
    public void Batch_AnEpoch_HasEveryExampleOnce()
    {
        var order = new DataOrder(Lengths, 8, 3);

        for (var epoch = 0; epoch < 2; epoch++)
        {
            var batches = Enumerable.Range(epoch * 13, 13).Select(number => order.Batch(number)).ToArray();
            Assert.Equal(13, order.BatchesPerEpoch);
            Assert.Equal(Enumerable.Range(0, 103), batches.SelectMany(batch => batch).Order());
            Assert.True(batches.Average(Spread) < 10, "batches mix long and short examples");
        }
    }

    [Fact]
    public void Batch_AskedInAnyOrder_IsAFunctionOfSeedAndNumber()
    {
        var (order, again) = (new DataOrder(Lengths, 8, 3), new DataOrder(Lengths, 8, 3));
        var later = again.Batch(20);

        Assert.Equal(order.Batch(2), again.Batch(2));
        Assert.Equal(order.Batch(20), later);
        Assert.NotEqual(order.Batch(2), order.Batch(15));
        Assert.NotEqual(order.Batch(2), new DataOrder(Lengths, 8, 4).Batch(2));
    }

    private static int Spread(int[] batch) => batch.Max(i => Lengths[i]) - batch.Min(i => Lengths[i]);
}
