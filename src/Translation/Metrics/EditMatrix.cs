namespace Workflows.Translation.Metrics;

/// <summary>An edit that turns the output into the reference at one position.</summary>
internal enum EditStep : byte
{
    None,
    Keep,
    Replace,
    Delete,
    Insert,
}

/// <summary>
/// Computes the edit distance of outputs of one length to one reference, within a band around the diagonal. Rows that
/// two outputs have in common are computed once. Only the band is stored, so that a document on one line fits into
/// memory.
/// </summary>
internal sealed class EditMatrix
{
    private const int Band = 25;
    private const int Infinity = int.MaxValue / 2;

    private readonly int[] _reference;
    private readonly int _length;
    private readonly Row[] _rows;
    private readonly int[] _costs;
    private readonly EditStep[] _steps;
    private readonly int[] _last;
    private int _known;

    public EditMatrix(int[] reference, int length)
    {
        _reference = reference;
        _length = length;
        _rows = new Row[length + 1];
        _last = new int[length];
        var cells = _rows[0] = new Row(0, 0, reference.Length + 1);
        for (var i = 1; i <= length; i++)
        {
            cells = _rows[i] = RowAfter(cells, i);
        }

        _costs = new int[cells.Cell + cells.Count];
        _steps = new EditStep[_costs.Length];
        for (var j = 0; j <= reference.Length; j++)
        {
            _costs[j] = j;
            _steps[j] = EditStep.Insert;
        }
    }

    /// <summary>Returns the number of edits from the output to the reference.</summary>
    public int Distance(ReadOnlySpan<int> output)
    {
        for (var i = output.CommonPrefixLength(_last.AsSpan(0, _known)) + 1; i <= _length; i++)
        {
            FillRow(_rows[i - 1], _rows[i], output[i - 1]);
        }

        output.CopyTo(_last);
        _known = _length;
        return _costs[^1];
    }

    /// <summary>Returns the edits of the output that was measured last, from its beginning to its end.</summary>
    public EditStep[] Trace()
    {
        var steps = new Stack<EditStep>();
        var (i, j) = (_length, _reference.Length);
        while (i > 0 || j > 0)
        {
            var step = _steps[_rows[i].Cell + j - _rows[i].Start];
            steps.Push(step);
            i -= step == EditStep.Insert ? 0 : 1;
            j -= step == EditStep.Delete ? 0 : 1;
        }

        return [.. steps];
    }

    private Row RowAfter(Row above, int i)
    {
        var ratio = (double)_reference.Length / _length;
        var band = ratio / 2 > Band ? (int)Math.Ceiling(ratio / 2 + Band) : Band;
        var diagonal = (int)Math.Floor(i * ratio);
        var width = _reference.Length + 1;
        var (start, end) = (Math.Max(0, diagonal - band), i == _length ? width : Math.Min(width, diagonal + band));
        return new Row(checked(above.Cell + above.Count), start, end - start);
    }

    private void FillRow(Row aboveRow, Row row, int word)
    {
        var above = _costs.AsSpan(aboveRow.Cell, aboveRow.Count);
        var costs = _costs.AsSpan(row.Cell, row.Count);
        var steps = _steps.AsSpan(row.Cell, row.Count);
        var shift = row.Start - aboveRow.Start;
        // Cells outside the band have infinite cost.
        var (before, left) = (shift > 0 ? above[shift - 1] : Infinity, Infinity);
        for (var at = 0; at < costs.Length; at++)
        {
            var over = at + shift < above.Length ? above[at + shift] : Infinity;
            var j = row.Start + at;
            EditStep step;
            if (j == 0)
            {
                (left, step) = (over + 1, EditStep.Delete);
            }
            else
            {
                // At equal cost: keep or replace, then delete, then insert.
                var isSame = word == _reference[j - 1];
                var cost = before + (isSame ? 0 : 1);
                step = isSame ? EditStep.Keep : EditStep.Replace;
                (cost, step) = over + 1 < cost ? (over + 1, EditStep.Delete) : (cost, step);
                (cost, step) = left + 1 < cost ? (left + 1, EditStep.Insert) : (cost, step);
                (left, step) = cost < Infinity ? (cost, step) : (Infinity, EditStep.None);
            }

            (costs[at], steps[at], before) = (left, step, over);
        }
    }

    /// <summary>The position of a row's cells, the index of the reference's word at the first, and their
    /// number.</summary>
    private readonly record struct Row(int Cell, int Start, int Count);
}
