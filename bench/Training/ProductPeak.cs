using System.Diagnostics;
using Workflows.TpuWorker.Onnx;
using Workflows.TpuWorker.Tensors;

namespace Workflows.Training.Bench;

/// <summary>
/// How fast products run: every product of a training step alone, and a large square. Made once and asked
/// between steps, so that what else the machine does slows both down alike.
/// </summary>
internal sealed class ProductPeak : IDisposable
{
    private readonly Lazy<List<(int Count, double Flop, string Name, OnnxProgram Program)>> _products;
    private readonly (double Flop, OnnxProgram Program) _square;

    public ProductPeak(BenchConfiguration configuration, int threads)
    {
        // A large model's products need gigabytes, and not every measurement asks for them.
        _products = new(() => ProductsOf(configuration, threads));
        _square = (2.0 * 1024 * 1024 * 1024, Product(1024, 1024, 1024, false, false, threads));
    }

    /// <summary>FLOP/s over the products of a step, each run once.</summary>
    public double OfShapes() =>
        _products.Value.Sum(product => product.Count * product.Flop)
            / _products.Value.Sum(product => product.Count * Seconds(product.Program));

    /// <summary>FLOP/s of a square product, run three times.</summary>
    public double OfSquare() => _square.Flop / Enumerable.Range(0, 3).Average(_ => Seconds(_square.Program));

    public void Print()
    {
        foreach (var (_, flop, name, program) in _products.Value)
        {
            Console.WriteLine(
                $"  {name}: {flop / Enumerable.Range(0, 5).Min(_ => Seconds(program)) / 1e9:f0} GFLOP/s");
        }
    }

    public void Dispose()
    {
        if (_products.IsValueCreated)
        {
            _products.Value.ForEach(product => product.Program.Dispose());
        }

        _square.Program.Dispose();
    }

    private static List<(int Count, double Flop, string Name, OnnxProgram Program)> ProductsOf(
        BenchConfiguration configuration, int threads)
    {
        var products = new List<(int Count, double Flop, string Name, OnnxProgram Program)>();
        var model = configuration.Model;
        var rows = configuration.Batch * configuration.Length;
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
            var (flop, name) = (2.0 * rows * inputs * outputs, $"{rows} x {inputs} x {outputs}");
            products.Add((count, flop, $"{name} forward", Product(rows, inputs, outputs, false, true, threads)));
            products.Add((count, flop, $"{name} by input", Product(rows, outputs, inputs, false, false, threads)));
            products.Add((count, flop, $"{name} by weight", Product(outputs, rows, inputs, true, false, threads)));
        }

        return products;
    }

    private static double Seconds(OnnxProgram program)
    {
        var started = Stopwatch.GetTimestamp();
        program.Run();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static OnnxProgram Product(int m, int k, int n, bool transposeLeft, bool transposeRight, int threads)
    {
        var graph = new Graph();
        var left = graph.Input("left", transposeLeft ? new Shape(k, m) : new Shape(m, k));
        var right = graph.Input("right", transposeRight ? new Shape(n, k) : new Shape(k, n));
        graph.Output("product", graph.MatMul(left, right, transposeLeft, transposeRight));
        var program = new OnnxProgram(graph, threads);
        program.BindInput("left", Filled(left.Shape));
        program.BindInput("right", Filled(right.Shape));
        program.AllocateOutputs();
        program.Run();
        return program;
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
