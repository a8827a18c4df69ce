using System.Diagnostics;
using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.Training.Bench;

/// <summary>
/// How fast ONNX Runtime multiplies: the model's own shapes, weighted by their work, and large squares.
/// </summary>
internal static class ProductPeak
{
    /// <returns>FLOP/s: of all products of one training step, and of the best square.</returns>
    public static (double OfShapes, double OfSquare) Measure(BenchConfiguration configuration, int threads, bool print)
    {
        var model = configuration.Model;
        var rows = configuration.Batch * configuration.Length;
        var (work, seconds) = (0.0, 0.0);
        foreach (var (count, outputs, inputs) in ((int, int, int)[])
            [
                (model.LayerCount, model.HeadCount * model.HeadDimension, model.HiddenSize),
                (2 * model.LayerCount, model.KeyValueHeadCount * model.HeadDimension, model.HiddenSize),
                (model.LayerCount, model.HiddenSize, model.HeadCount * model.HeadDimension),
                (2 * model.LayerCount, model.IntermediateSize, model.HiddenSize),
                (model.LayerCount, model.HiddenSize, model.IntermediateSize),
                (1, model.VocabularySize, model.HiddenSize),
            ])
        {
            var forward = Rate(rows, inputs, outputs, false, true, threads);
            var byInput = Rate(rows, outputs, inputs, false, false, threads);
            var byWeight = Rate(outputs, rows, inputs, true, false, threads);
            var flop = 2.0 * rows * inputs * outputs;
            work += 3 * count * flop;
            seconds += count * ((flop / forward) + (flop / byInput) + (flop / byWeight));
            if (print)
            {
                Console.WriteLine(
                    $"  {rows} x {inputs} x {outputs}: {forward / 1e9:f0} forward, {byInput / 1e9:f0} by input, "
                    + $"{byWeight / 1e9:f0} GFLOP/s by weight");
            }
        }

        var square = Math.Max(
            Rate(1024, 1024, 1024, false, false, threads), Rate(2048, 2048, 2048, false, false, threads));
        return (work / seconds, square);
    }

    private static double Rate(int m, int k, int n, bool transposeLeft, bool transposeRight, int threads)
    {
        var graph = new Graph();
        var left = graph.Input("left", transposeLeft ? new Shape(k, m) : new Shape(m, k));
        var right = graph.Input("right", transposeRight ? new Shape(n, k) : new Shape(k, n));
        graph.Output("product", graph.MatMul(left, right, transposeLeft, transposeRight));
        using var program = new OnnxProgram(graph, threads);
        program.BindInput("left", Filled(left.Shape));
        program.BindInput("right", Filled(right.Shape));
        program.AllocateOutputs();
        program.Run();
        var flop = 2.0 * m * k * n;
        var (best, spent) = (double.MaxValue, 0.0);
        for (var run = 0; run < 4 || (spent < 0.15 && run < 200); run++)
        {
            var started = Stopwatch.GetTimestamp();
            program.Run();
            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            (best, spent) = (Math.Min(best, seconds), spent + seconds);
        }

        return flop / best;
    }

    private static HostTensor Filled(Shape shape)
    {
        var tensor = HostTensor.Zeros(DType.Float32, shape);
        for (var i = 0; i < tensor.Floats.Length; i++)
        {
            tensor.Floats[i] = ((i * 37) % 101) / 101f;
        }

        return tensor;
    }
}
