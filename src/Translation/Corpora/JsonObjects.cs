namespace Workflows.Translation.Corpora;

/// <summary>
/// Splits a JSON text into its rows without parsing it: memory holds one row, and a damaged row affects no other.
/// </summary>
internal sealed class JsonObjects(int depth, int maxBytes) : IDisposable
{
    private const int BufferBytes = 1 << 16;

    private readonly MemoryStream _row = new();
    private long _line = 1, _rowLine;
    private int _around;
    private long _inside;
    private bool _isRow, _isStray, _isText, _isEscaped, _isTooLong;

    /// <summary>Returns the rows inside so many brackets, each with the line on which it begins.</summary>
    public static IEnumerable<CorpusLine> Read(string path, int depth, RowCollector rows)
    {
        using var stream = CorpusStream.OpenText(path, rows);
        var check = new EncodingCheck(path);
        using var cut = new JsonObjects(depth, rows.Options.MaxLineBytes);
        var buffer = new byte[BufferBytes];
        int count;
        while ((count = CorpusStream.Read(path, () => stream.Read(buffer))) > 0)
        {
            for (var at = 0; at < count; at++)
            {
                if (cut.Take(buffer[at]))
                {
                    yield return cut.Row(check);
                }
            }
        }

        if (cut._row.Length > 0)
        {
            cut._isStray = true;
            yield return cut.Row(check);
        }

        check.Finish();
    }

    public void Dispose() => _row.Dispose();

    /// <summary>Adds a byte; returns true at the end of a row.</summary>
    private bool Take(byte value)
    {
        _line += value == '\n' ? 1 : 0;
        if (_isText)
        {
            Keep(value);
            _isText = value != '"' || _isEscaped;
            _isEscaped = value == '\\' && !_isEscaped;
            // No JSON string has a line break: a row with one is damaged and must not swallow the next rows.
            return _isText && value == '\n' && BreakOff();
        }

        if (value == '"')
        {
            (_isText, _isEscaped) = (true, false);
            Begin(isStray: !_isRow);
            Keep(value);
            return false;
        }

        return _isRow ? Inside(value) : Around(value);
    }

    private bool Inside(byte value)
    {
        Keep(value);
        _inside += value is (byte)'{' or (byte)'[' ? 1 : value is (byte)'}' or (byte)']' ? -1 : 0;
        _isRow = _inside > 0;
        return !_isRow;
    }

    private bool Around(byte value)
    {
        if (_around == depth && value is (byte)'{' or (byte)'[')
        {
            var wasStray = _isStray && _row.Length > 0;
            if (!wasStray)
            {
                Begin(isStray: false);
                (_isRow, _inside) = (true, 1);
                Keep(value);
            }

            return false;
        }

        if (value is (byte)'{' or (byte)'[' or (byte)'}' or (byte)']')
        {
            if (value == '}' && _around == depth)
            {
                // The end of a damaged row: rows are in an array, which it does not close.
                return _row.Length > 0;
            }

            _around += value is (byte)'{' or (byte)'[' ? 1 : _around > 0 ? -1 : 0;
            return _row.Length > 0;
        }

        if (value is (byte)',' or (byte)'\n')
        {
            return _row.Length > 0;
        }

        if (value is not ((byte)' ' or (byte)'\t' or (byte)'\r' or 0xEF or 0xBB or 0xBF))
        {
            Begin(isStray: true);
            Keep(value);
        }

        return false;
    }

    private bool BreakOff()
    {
        (_isText, _isRow, _isStray) = (false, false, true);
        return _row.Length > 0;
    }

    private void Begin(bool isStray)
    {
        if (_row.Length == 0)
        {
            (_rowLine, _isStray) = (_line, isStray);
        }
    }

    private void Keep(byte value)
    {
        // Text outside the rows, such as the name of their array, is no row.
        if (_around < depth)
        {
            return;
        }

        _isTooLong |= _row.Length >= maxBytes;
        if (!_isTooLong || _row.Length < CorpusLine.SampleBytes)
        {
            _row.WriteByte(value);
        }
    }

    private CorpusLine Row(EncodingCheck check)
    {
        var row = CorpusLine.Create(_rowLine, _row.GetBuffer().AsSpan(0, (int)_row.Length), _isTooLong, check);
        row = _isStray ? row with { Fault = row.Fault ?? RowFault.InvalidJson } : row;
        _row.SetLength(0);
        (_isTooLong, _isStray) = (false, false);
        return row;
    }
}
