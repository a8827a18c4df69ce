using System.Text;

namespace Workflows.Translation.Corpora;

/// <summary>Parses the lines of one CSV record: quotes around a field, doubled inside, line breaks kept.</summary>
internal sealed class QuotedRecord(char separator)
{
    private readonly StringBuilder _field = new();
    private readonly List<string> _fields = [];
    private bool _isOpen, _needsQuotes;

    /// <summary>The state of the record after a line.</summary>
    public enum State
    {
        Whole,
        Open,
        Broken,
    }

    public IReadOnlyList<string> Fields => _fields;

    /// <summary>Quoted fields that require quotes: with a quote, a separator or a line break inside.</summary>
    public int Needed { get; private set; }

    /// <summary>Quoted fields that only Excel quotes: with a comma inside.</summary>
    public int WithComma { get; private set; }

    /// <summary>Quoted fields without need, as in files whose writer quotes all fields.</summary>
    public int Needless { get; private set; }

    /// <summary>Fields without quotes.</summary>
    public int Bare { get; private set; }

    /// <summary>Fields without quotes that have a comma, which Excel would have quoted.</summary>
    public int BareWithComma { get; private set; }

    public State Feed(ReadOnlySpan<char> line)
    {
        if (_isOpen)
        {
            _field.Append('\n');
            _needsQuotes = true;
        }

        while (true)
        {
            if (!_isOpen && !line.StartsWith("\""))
            {
                var end = line.IndexOf(separator);
                var bare = end < 0 ? line : line[..end];
                if (bare.Contains('"'))
                {
                    return State.Broken;
                }

                AddBare(bare.ToString());
                if (end < 0)
                {
                    return State.Whole;
                }

                line = line[(end + 1)..];
                continue;
            }

            line = _isOpen ? line : line[1..];
            _isOpen = true;
            if (!Quoted(ref line))
            {
                return State.Open;
            }

            AddQuoted();
            if (line.IsEmpty)
            {
                return State.Whole;
            }

            if (line[0] != separator)
            {
                return State.Broken;
            }

            line = line[1..];
        }
    }

    /// <summary>Parses the rest of a quoted field; returns false if the line ends before the field.</summary>
    private bool Quoted(ref ReadOnlySpan<char> line)
    {
        while (true)
        {
            var quote = line.IndexOf('"');
            _field.Append(quote < 0 ? line : line[..quote]);
            if (quote < 0)
            {
                return false;
            }

            line = line[(quote + 1)..];
            if (!line.StartsWith("\""))
            {
                return true;
            }

            _field.Append('"');
            _needsQuotes = true;
            line = line[1..];
        }
    }

    private void AddBare(string field)
    {
        _fields.Add(field);
        Bare += field.Length > 0 ? 1 : 0;
        BareWithComma += field.Contains(',', StringComparison.Ordinal) ? 1 : 0;
    }

    private void AddQuoted()
    {
        var field = _field.ToString();
        _fields.Add(field);
        if (_needsQuotes || field.Contains(separator, StringComparison.Ordinal))
        {
            Needed++;
        }
        else if (field.Contains(',', StringComparison.Ordinal))
        {
            WithComma++;
        }
        else
        {
            Needless++;
        }

        _field.Clear();
        (_isOpen, _needsQuotes) = (false, false);
    }
}
