namespace Workflows.Translation.Metrics;

/// <summary>
/// Counts n-grams of one segment in a trie: a node is an n-gram, found by its prefix's node and its last symbol, so
/// that all orders share one table and no comparison is by hash alone. Reused from segment to segment.
/// </summary>
internal sealed class NgramCounter
{
    private const int Root = 0;

    private ulong[] _keys = new ulong[1 << 10];
    private int[] _nodes = new int[1024];
    private int[] _slotGeneration = new int[1024];
    private int _bits = 10;
    private int _generation;
    private int _count;
    private int[] _reference = new int[512];
    private int[] _current = new int[512];
    private int[] _stamp = new int[512];
    private int _pass;

    /// <summary>Returns the first slot to search for a key in a table of 2^bits slots, by Fibonacci hashing.</summary>
    /// <remarks>The upper bits of the product are the mixed ones; as many are used as the table needs.</remarks>
    internal static int SlotOf(ulong key, int bits) => (int)((key * 0x9E3779B97F4A7C15) >> (64 - bits));

    /// <summary>Removes everything.</summary>
    public void Clear()
    {
        _generation++;
        _count = 0;
        NewNode();
    }

    /// <summary>Counts a reference; for several references, the largest count of an n-gram is kept.</summary>
    public void AddReference(ReadOnlySpan<int> symbols, int maxOrder)
    {
        _pass++;
        for (var i = 0; i < symbols.Length; i++)
        {
            var node = Root;
            var end = Math.Min(symbols.Length, i + maxOrder);
            for (var j = i; j < end; j++)
            {
                node = Child(node, symbols[j]);
                var count = Increment(node);
                _reference[node] = Math.Max(_reference[node], count);
            }
        }
    }

    /// <summary>
    /// Adds to <paramref name="matches"/>, by order, the n-grams of the output that the reference has too.
    /// </summary>
    public void Match(ReadOnlySpan<int> symbols, int maxOrder, Span<double> matches, int stride)
    {
        _pass++;
        for (var i = 0; i < symbols.Length; i++)
        {
            var node = Root;
            var end = Math.Min(symbols.Length, i + maxOrder);
            for (var j = i; j < end; j++)
            {
                node = Find(node, symbols[j]);
                if (node < 0)
                {
                    break;
                }

                if (Increment(node) <= _reference[node])
                {
                    matches[(j - i) * stride]++;
                }
            }
        }
    }

    private int Increment(int node)
    {
        if (_stamp[node] != _pass)
        {
            _stamp[node] = _pass;
            _current[node] = 0;
        }

        return ++_current[node];
    }

    private int Slot(ulong key)
    {
        var mask = _keys.Length - 1;
        var slot = SlotOf(key, _bits);
        while (_slotGeneration[slot] == _generation && _keys[slot] != key)
        {
            slot = (slot + 1) & mask;
        }

        return slot;
    }

    private int Find(int parent, int symbol)
    {
        var slot = Slot(Key(parent, symbol));
        return _slotGeneration[slot] == _generation ? _nodes[slot] : -1;
    }

    private int Child(int parent, int symbol)
    {
        var key = Key(parent, symbol);
        var slot = Slot(key);
        if (_slotGeneration[slot] == _generation)
        {
            return _nodes[slot];
        }

        if (_count * 2 > _keys.Length)
        {
            Grow();
            slot = Slot(key);
        }

        var node = NewNode();
        _slotGeneration[slot] = _generation;
        _keys[slot] = key;
        _nodes[slot] = node;
        return node;
    }

    private void Grow()
    {
        var (keys, nodes, generations) = (_keys, _nodes, _slotGeneration);
        _bits++;
        _keys = new ulong[keys.Length * 2];
        _nodes = new int[keys.Length * 2];
        _slotGeneration = new int[keys.Length * 2];
        for (var i = 0; i < keys.Length; i++)
        {
            if (generations[i] != _generation)
            {
                continue;
            }

            var slot = Slot(keys[i]);
            (_keys[slot], _nodes[slot], _slotGeneration[slot]) = (keys[i], nodes[i], _generation);
        }
    }

    private int NewNode()
    {
        if (_count == _reference.Length)
        {
            Array.Resize(ref _reference, _count * 2);
            Array.Resize(ref _current, _count * 2);
            Array.Resize(ref _stamp, _count * 2);
        }

        _reference[_count] = 0;
        _stamp[_count] = -1;
        return _count++;
    }

    private static ulong Key(int parent, int symbol) => ((ulong)(uint)parent << 32) | (uint)symbol;
}
