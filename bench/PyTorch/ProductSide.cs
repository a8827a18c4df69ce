using System.Diagnostics;
using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;
using Workflows.Training.Bench;
using static TorchSharp.torch;

namespace Workflows.PyTorch.Bench;

/// <summary>The products of a training step, and a large square, by ours and by LibTorch in turn.</summary>
/// <remarks>Ours are what a graph's products become: ONNX Runtime's, or kernels of our own.</remarks>
internal static class ProductSide
{
    private const int Rounds = 9;

    // Kernels in C# are compiled well only after some calls and a tenth of a second.
    private static readonly TimeSpan WarmupTime = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan SettlingTime = TimeSpan.FromMilliseconds(5);

    public static void Run(BenchConfiguration configuration, int threads)
    {
        var (model, rows) = (configuration.Model, configuration.Batch * configuration.Length);
        Compare("square", 1024, 1024, 1024, false, false, threads);
        foreach (var (outputs, inputs) in new HashSet<(int, int)>
            {
                (model.HeadCount * model.HeadDimension, model.HiddenSize),
                (model.KeyValueHeadCount * model.HeadDimension, model.HiddenSize),
                (model.HiddenSize, model.HeadCount * model.HeadDimension),
                (model.IntermediateSize, model.HiddenSize),
                (model.HiddenSize, model.IntermediateSize),
                (model.VocabularySize, model.HiddenSize),
            })
        {
            Compare("forward", rows, inputs, outputs, false, true, threads);
            Compare("by input", rows, outputs, inputs, false, false, threads);
            Compare("by weight", outputs, rows, inputs, true, false, threads);
        }
    }

    private static void Compare(string name, int m, int k, int n, bool turnLeft, bool turnRight, int threads)
    {
        var graph = new Graph();
        var left = turnLeft ? new Shape(k, m) : new Shape(m, k);
        var right = turnRight ? new Shape(n, k) : new Shape(k, n);
        graph.Output(
            "product", graph.MatMul(graph.Input("left", left), graph.Input("right", right), turnLeft, turnRight));
        using var program = new OnnxProgram(graph, threads);
        program.BindInput("left", Filled(left));
        program.BindInput("right", Filled(right));
        program.AllocateOutputs();
        using var scope = NewDisposeScope();
        var (first, second) = (randn(left[0], left[1]), randn(right[0], right[1]));
        var (turnedFirst, turnedSecond) = (turnLeft ? first.t() : first, turnRight ? second.t() : second);
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < WarmupTime;)
        {
            program.Run();
        }

        var (ours, theirs) = (double.MaxValue, double.MaxValue);
        for (var round = 0; round < Rounds; round++)
        {
            ours = Math.Min(ours, Seconds(() => program.Run()));
            theirs = Math.Min(theirs, Seconds(() => mm(turnedFirst, turnedSecond).Dispose()));
        }

        var flop = 2.0 * m * k * n / 1e9;
        Console.WriteLine(
            $"  {name} {m} x {k} x {n}: {flop / ours:f0} GFLOP/s, LibTorch {flop / theirs:f0}");
    }

    /// <summary>The fastest of three in a row: the first wakes the threads.</summary>
    private static double Seconds(Action work)
    {
        Thread.Sleep(SettlingTime);
        var best = double.MaxValue;
        for (var i = 0; i < 3; i++)
        {
            var started = Stopwatch.GetTimestamp();
            work();
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return best;
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
