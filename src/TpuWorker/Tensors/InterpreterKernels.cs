namespace Workflows.TpuWorker.Tensors;

/// <summary>Interprets operations that are more than elementwise or a rearrangement.</summary>
internal static class InterpreterKernels
{
    private const double GeluInner = 0.044715;
    private static readonly double GeluOuter = Math.Sqrt(2 / Math.PI);

    public static double[] Gather(Node node, double[] table, double[] rows)
    {
        var width = node.Operands[0].Shape.Strides()[0];
        var result = new double[rows.Length * width];
        for (var i = 0; i < rows.Length; i++)
        {
            Array.Copy(table, Row(node, rows[i]) * width, result, i * width, width);
        }

        return result;
    }

    public static double[] ScatterAdd(Node node, double[] table, double[] rows, double[] updates)
    {
        var width = node.Shape.Strides()[0];
        var result = (double[])table.Clone();
        for (var i = 0; i < rows.Length; i++)
        {
            for (var k = 0; k < width; k++)
            {
                result[(Row(node, rows[i]) * width) + k] += updates[(i * width) + k];
            }
        }

        return result;
    }

    public static double[] Softmax(Node node, double[] x)
    {
        var result = new double[x.Length];
        var width = node.Shape[^1];
        for (var row = 0; row < x.Length; row += width)
        {
            var max = x.AsSpan(row, width).ToArray().Max();
            var sum = 0.0;
            for (var i = row; i < row + width; i++)
            {
                result[i] = Math.Exp(x[i] - max);
                sum += result[i];
            }

            for (var i = row; i < row + width; i++)
            {
                result[i] /= sum;
            }
        }

        return result;
    }

    public static double[] SoftmaxGradient(Node node, double[] y, double[] dy)
    {
        var result = new double[y.Length];
        var width = node.Shape[^1];
        for (var row = 0; row < y.Length; row += width)
        {
            var dot = 0.0;
            for (var i = row; i < row + width; i++)
            {
                dot += y[i] * dy[i];
            }

            for (var i = row; i < row + width; i++)
            {
                result[i] = y[i] * (dy[i] - dot);
            }
        }

        return result;
    }

    public static double[] RmsNorm(Node node, double[] x, double[] scale)
    {
        var result = new double[x.Length];
        var width = scale.Length;
        for (var row = 0; row < x.Length; row += width)
        {
            var inverse = InverseRms(node, x.AsSpan(row, width));
            for (var i = 0; i < width; i++)
            {
                result[row + i] = x[row + i] * inverse * (1 + scale[i]);
            }
        }

        return result;
    }

    public static double[] RmsNormGradient(Node node, double[] x, double[] scale, double[] dy)
    {
        var result = new double[x.Length];
        var width = scale.Length;
        for (var row = 0; row < x.Length; row += width)
        {
            var inverse = InverseRms(node, x.AsSpan(row, width));
            var mean = 0.0;
            for (var i = 0; i < width; i++)
            {
                mean += dy[row + i] * (1 + scale[i]) * x[row + i] * inverse / width;
            }

            for (var i = 0; i < width; i++)
            {
                result[row + i] = inverse * ((dy[row + i] * (1 + scale[i])) - (x[row + i] * inverse * mean));
            }
        }

        return result;
    }

    public static double[] RmsNormScaleGradient(Node node, double[] x, double[] dy)
    {
        var result = new double[node.Shape.Count];
        var width = result.Length;
        for (var row = 0; row < x.Length; row += width)
        {
            var inverse = InverseRms(node, x.AsSpan(row, width));
            for (var i = 0; i < width; i++)
            {
                result[i] += dy[row + i] * x[row + i] * inverse;
            }
        }

        return result;
    }

    public static double Gelu(double x) => 0.5 * x * (1 + Math.Tanh(GeluOuter * (x + (GeluInner * x * x * x))));

    public static double[] GeluGradient(double[] x, double[] dy)
    {
        var result = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            var square = x[i] * x[i];
            var tanh = Math.Tanh(GeluOuter * x[i] * (1 + (GeluInner * square)));
            var slope = GeluOuter * (1 + (3 * GeluInner * square));
            result[i] = dy[i] * 0.5 * (1 + tanh + (x[i] * (1 - (tanh * tanh)) * slope));
        }

        return result;
    }

    public static double[] Rope(Node node, double[] x, double[] cosines, double[] sines)
    {
        var (heads, width) = (node.Shape[2], node.Shape[3]);
        var half = width / 2;
        var result = new double[x.Length];
        for (var vector = 0; vector < x.Length / width; vector++)
        {
            var table = vector / heads * half;
            for (var i = 0; i < half; i++)
            {
                var (first, second) = (x[(vector * width) + i], x[(vector * width) + half + i]);
                var (cosine, sine) = (cosines[table + i], sines[table + i]);
                sine = node.Attributes.Inverse ? -sine : sine;
                result[(vector * width) + i] = (first * cosine) - (second * sine);
                result[(vector * width) + half + i] = (second * cosine) + (first * sine);
            }
        }

        return result;
    }

    public static double[] CrossEntropy(Node node, double[] logits, double[] labels)
    {
        var width = node.Operands[0].Shape[1];
        var result = new double[labels.Length];
        for (var row = 0; row < result.Length; row++)
        {
            var values = logits.AsSpan(row * width, width).ToArray();
            var max = values.Max();
            var sum = values.Sum(value => Math.Exp(value - max));
            result[row] = Math.Log(sum) + max - values[(int)labels[row]];
        }

        return result;
    }

    public static double[] CrossEntropyGradient(Node node, double[] logits, double[] labels, double[] upstream)
    {
        var width = node.Shape[1];
        var result = Softmax(node, logits);
        for (var row = 0; row < labels.Length; row++)
        {
            result[(row * width) + (int)labels[row]] -= 1;
            for (var i = 0; i < width; i++)
            {
                result[(row * width) + i] *= upstream[row];
            }
        }

        return result;
    }

    private static double InverseRms(Node node, ReadOnlySpan<double> row)
    {
        var sum = 0.0;
        foreach (var value in row)
        {
            sum += value * value;
        }

        return 1 / Math.Sqrt((sum / row.Length) + node.Attributes.Scalar);
    }

    private static int Row(Node node, double row)
    {
        var count = node.Operands[0].Shape[0];
        return row >= 0 && row < count
            ? (int)row
            : throw new TensorShapeException($"{node.Op}", "row", $"{row}", $"0 to {count - 1}");
    }

    public static double[] Dropout(Node node, double[] x, double[] seed)
    {
        var share = node.Attributes.Scalar;
        var start = DropoutMask.Start((int)seed[0], node.Attributes.Start);
        var threshold = DropoutMask.Threshold(share);
        return [.. x.Select((value, i) => DropoutMask.Keeps(start, i, threshold) ? value / (1 - share) : 0)];
    }
}
