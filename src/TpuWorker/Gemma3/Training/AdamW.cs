using System.Numerics;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Training;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, algorithm 2) over named tensors, in place. Work is split into fixed pieces, so
/// the result does not depend on the number of threads.
/// </summary>
internal sealed class AdamW
{
    private const int PieceElements = 1 << 16;

    private readonly FineTuneOptions _options;
    private readonly ParallelOptions _parallel;
    private readonly List<Slot> _slots = [];
    private readonly List<(Slot Slot, int Start, int Length)> _pieces = [];
    private readonly double[] _squares;

    /// <param name="options">Betas, epsilon, decay, threads.</param>
    /// <param name="weights">The weights, updated in place.</param>
    /// <param name="gradients">The gradients under the weights' names, read at each step.</param>
    public AdamW(
        FineTuneOptions options,
        IReadOnlyDictionary<string, HostTensor> weights,
        IReadOnlyDictionary<string, HostTensor> gradients)
    {
        _options = options;
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Threads };
        foreach (var (name, weight) in weights.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            var decays = options.WeightDecayScope == WeightDecayScope.All || !Gemma3Parameters.IsNorm(weight.Shape);
            var slot = new Slot(
                name, weight.Floats, gradients[name].Floats,
                new float[weight.Shape.Count], new float[weight.Shape.Count],
                decays ? options.WeightDecay : 0);
            _slots.Add(slot);
            FirstMoments.Add(name, new HostTensor(weight.Shape, slot.First));
            SecondMoments.Add(name, new HostTensor(weight.Shape, slot.Second));
            for (var start = 0; start < weight.Shape.Count; start += PieceElements)
            {
                _pieces.Add((slot, start, Math.Min(PieceElements, weight.Shape.Count - start)));
            }
        }

        _squares = new double[_pieces.Count];
    }

    public Dictionary<string, HostTensor> FirstMoments { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, HostTensor> SecondMoments { get; } = new(StringComparer.Ordinal);

    /// <summary>Uses other gradients from now on, of the same shapes.</summary>
    public void ReadFrom(IReadOnlyDictionary<string, HostTensor> gradients)
    {
        foreach (var slot in _slots)
        {
            slot.Gradient = gradients[slot.Name].Floats;
        }
    }

    /// <summary>Returns the square root of the sum of squares over all gradients.</summary>
    public double GradientNorm()
    {
        Parallel.For(0, _pieces.Count, _parallel, piece =>
        {
            var (slot, start, length) = _pieces[piece];
            _squares[piece] = SumOfSquares(slot.Gradient.AsSpan(start, length));
        });
        return Math.Sqrt(_squares.Sum());
    }

    /// <summary>Updates all weights.</summary>
    /// <param name="step">Number of the step, from 1, which corrects the moments' bias towards zero.</param>
    /// <param name="learningRate">Rate of this step.</param>
    /// <param name="gradientScale">Factor of the gradients: the mean over tokens and the clipping.</param>
    public void Step(int step, double learningRate, double gradientScale)
    {
        var rates = new Rates(
            (float)gradientScale,
            (float)_options.Beta1,
            (float)_options.Beta2,
            (float)(learningRate / (1 - Math.Pow(_options.Beta1, step))),
            (float)(1 / Math.Sqrt(1 - Math.Pow(_options.Beta2, step))),
            (float)_options.Epsilon);
        Parallel.For(0, _pieces.Count, _parallel, piece =>
        {
            var (slot, start, length) = _pieces[piece];
            Update(
                slot.Weight.AsSpan(start, length), slot.Gradient.AsSpan(start, length),
                slot.First.AsSpan(start, length), slot.Second.AsSpan(start, length),
                rates, (float)(1 - (learningRate * slot.Decay)));
        });
    }

    private static double SumOfSquares(ReadOnlySpan<float> values)
    {
        var sum = Vector<double>.Zero;
        var i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(values[i..]), out var low, out var high);
            sum += (low * low) + (high * high);
        }

        var total = Vector.Sum(sum);
        for (; i < values.Length; i++)
        {
            total += (double)values[i] * values[i];
        }

        return total;
    }

    private static void Update(
        Span<float> weight, ReadOnlySpan<float> gradient, Span<float> first, Span<float> second, Rates r, float keep)
    {
        var i = 0;
        var epsilon = new Vector<float>(r.Epsilon);
        for (; i <= weight.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var g = new Vector<float>(gradient[i..]) * r.Scale;
            var m = (new Vector<float>(first[i..]) * r.Beta1) + (g * (1 - r.Beta1));
            var v = (new Vector<float>(second[i..]) * r.Beta2) + (g * g * (1 - r.Beta2));
            m.CopyTo(first[i..]);
            v.CopyTo(second[i..]);
            var move = m * r.Rate / ((Vector.SquareRoot(v) * r.RootCorrection) + epsilon);
            ((new Vector<float>(weight[i..]) * keep) - move).CopyTo(weight[i..]);
        }

        for (; i < weight.Length; i++)
        {
            var g = gradient[i] * r.Scale;
            first[i] = (first[i] * r.Beta1) + (g * (1 - r.Beta1));
            second[i] = (second[i] * r.Beta2) + (g * g * (1 - r.Beta2));
            var move = first[i] * r.Rate / ((MathF.Sqrt(second[i]) * r.RootCorrection) + r.Epsilon);
            weight[i] = (weight[i] * keep) - move;
        }
    }

    private readonly record struct Rates(
        float Scale, float Beta1, float Beta2, float Rate, float RootCorrection, float Epsilon);

    private sealed class Slot(
        string name, float[] weight, float[] gradient, float[] first, float[] second, double decay)
    {
        public string Name { get; } = name;

        public float[] Weight { get; } = weight;

        public float[] Gradient { get; set; } = gradient;

        public float[] First { get; } = first;

        public float[] Second { get; } = second;

        public double Decay { get; } = decay;
    }
}
