namespace Workflows.Translation.Metrics;

/// <summary>What turns the output into the reference at one place.</summary>
internal enum EditStep : byte
{
    None,
    Keep,
    Replace,
    Delete,
    Insert,
}

/// <summary>
/// The edit distance of outputs of one length to one reference, within a band around the diagonal. Rows that two
/// outputs have in common are computed once.
/// </summary>
internal sealed class EditMatrix
{
    private const int Band = 25;
    private const int Infinity = int.MaxValue / 2;

    private readonly int[] _reference;
    private readonly int _length;
    private readonly int _width;
    private readonly int[] _costs;
    private readonly EditStep[] _steps;
    private readonly int[] _last;
    private int _known;

    public EditMatrix(int[] reference, int length)
    {
        _reference = reference;
        _length = length;
        _width = reference.Length + 1;
        _costs = new int[(length + 1) * _width];
        _steps = new EditStep[_costs.Length];
        _last = new int[length];
        for (var j = 0; j < _width; j++)
        {
            _costs[j] = j;
            _steps[j] = EditStep.Insert;
        }
    }

    /// <summary>Number of edits from the output to the reference.</summary>
    public int Distance(ReadOnlySpan<int> output)
    {
        var common = output.CommonPrefixLength(_last.AsSpan(0, _known));
        var ratio = _length == 0 ? 1 : (double)_reference.Length / _length;
        var band = ratio / 2 > Band ? (int)Math.Ceiling(ratio / 2 + Band) : Band;
        for (var i = common + 1; i <= _length; i++)
        {
            var diagonal = (int)Math.Floor(i * ratio);
            var end = i == _length ? _width : Math.Min(_width, diagonal + band);
            FillRow(i, output[i - 1], Math.Max(0, diagonal - band), end);
        }

        output.CopyTo(_last);
        _known = _length;
        return _costs[^1];
    }

    /// <summary>The edits of the output that was measured last, from its beginning to its end.</summary>
    public EditStep[] Trace()
    {
        var steps = new Stack<EditStep>();
        var (i, j) = (_length, _reference.Length);
        while (i > 0 || j > 0)
        {
            var step = _steps[i * _width + j];
            steps.Push(step);
            i -= step == EditStep.Insert ? 0 : 1;
            j -= step == EditStep.Delete ? 0 : 1;
        }

        return [.. steps];
    }

    private void FillRow(int i, int word, int start, int end)
    {
        var above = _costs.AsSpan((i - 1) * _width, _width);
        var row = _costs.AsSpan(i * _width, _width);
        var steps = _steps.AsSpan(i * _width, _width);
        row.Fill(Infinity);
        steps.Clear();
        for (var j = start; j < end; j++)
        {
            if (j == 0)
            {
                (row[0], steps[0]) = (above[0] + 1, EditStep.Delete);
                continue;
            }

            // On equal cost: keep or replace, then delete, then insert.
            var isSame = word == _reference[j - 1];
            var (cost, step) = (above[j - 1] + (isSame ? 0 : 1), isSame ? EditStep.Keep : EditStep.Replace);
            (cost, step) = above[j] + 1 < cost ? (above[j] + 1, EditStep.Delete) : (cost, step);
            (cost, step) = row[j - 1] + 1 < cost ? (row[j - 1] + 1, EditStep.Insert) : (cost, step);
            (row[j], steps[j]) = cost < Infinity ? (cost, step) : (Infinity, EditStep.None);
        }
    }
}
